const MINUTE_MS = 60_000;

const HOUR_MS = 60 * MINUTE_MS;

/** However short a document says it lives: else whoever opens a page causes a fetch. */
export const MIN_FRESH_MS = 5 * MINUTE_MS;

/** However long: a redirect address that was taken out must not be good for ever. */
export const MAX_FRESH_MS = 24 * HOUR_MS;

const DEFAULT_FRESH_MS = HOUR_MS;

/** For how many milliseconds an answer is not asked for again (RFC 9111 sections 4.2 and 5.2.2). */
export function freshFor(headers: Headers): number {
  const directives = (headers.get("cache-control") ?? "").toLowerCase().split(",")
    .map((directive) => directive.trim());
  if (directives.some((one) => /^(no-store|no-cache)(=|$)/.test(one))) return MIN_FRESH_MS;
  const ages = directives.flatMap((one) => /^max-age="?([0-9]{1,10})"?$/.exec(one)?.[1] ?? []);
  if (ages.length === 0) return DEFAULT_FRESH_MS;
  const spent = /^[0-9]{1,10}$/.exec(headers.get("age") ?? "")?.[0] ?? "0";
  const left = (Math.min(...ages.map(Number)) - Number(spent)) * 1000;
  return Math.min(Math.max(left, MIN_FRESH_MS), MAX_FRESH_MS);
}
