import { Refusal } from "../refusal.ts";

const WINDOW_MS = 60_000;

/**
 * Requests a minute of one source that may store something for a visitor nobody knows. An office
 * behind one address signs a hundred people in.
 */
export const SOURCE_RATE_LIMIT = 300;

/** Sources told apart in one minute; those that come later share one limit, ten times as high. */
export const MAX_LIMITED_SOURCES = 10_000;

const OTHER_SOURCES = "other";

/**
 * Counts what visitors send before anybody knows them, by where it comes from: what they begin is
 * stored for minutes, and a stranger must not fill the store with it. Each process counts alone.
 */
export class SourceLimits {
  readonly #counts = new Map<string, number>();
  #start = 0;

  /**
   * Counts one request.
   * @param address of its sender; null when it is not known
   * @throws {Refusal} rate_limited
   */
  take(address: string | null, now: number): void {
    if (now - this.#start >= WINDOW_MS || now < this.#start) {
      this.#counts.clear();
      this.#start = now;
    }
    const named = address === null ? OTHER_SOURCES : sourceOf(address);
    const isFull = this.#counts.size >= MAX_LIMITED_SOURCES && !this.#counts.has(named);
    const source = isFull ? OTHER_SOURCES : named;
    const limit = source === OTHER_SOURCES ? 10 * SOURCE_RATE_LIMIT : SOURCE_RATE_LIMIT;
    const count = this.#counts.get(source) ?? 0;
    if (count >= limit) {
      const retry_after_seconds = Math.ceil((this.#start + WINDOW_MS - now) / 1000);
      throw new Refusal("rate_limited", { limit, left: 0, retry_after_seconds });
    }
    this.#counts.set(source, count + 1);
  }
}

/** Whose an address is: of IPv6 its first half, since whoever has one has all that begin alike. */
function sourceOf(address: string): string {
  if (!address.includes(":")) return address;
  // `::ffff:192.0.2.1` is an IPv4 address in the other's clothes.
  if (address.includes(".")) return address.split(":").at(-1) ?? address;
  const [before = [], after] = (address.split("%")[0] ?? "").split("::").map(groupsOf);
  const gap = after === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array(gap).fill("0"), ...after ?? []].slice(0, 4).join(":");
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":").map((group) => parseInt(group, 16).toString(16));
}
