import { z } from "zod";
import { DAY_MS, type Entry, FACETS, facetValue } from "../ledger/entry.ts";
import type { ActivityQuery } from "../ledger/log_reader.ts";
import { type Permission, PERMISSIONS } from "../store/records/vocabulary.ts";
import { type Names, NO_NAMES } from "./telling.ts";

/**
 * Which entries of a log are looked at: read from a query, written back into one, and applied
 * alike by a page, its stream and the export.
 */

/** Which entries a page shows and its live stream goes on with; null where it does not matter. */
export interface ActivityFilters {
  /** Milliseconds, included. */
  readonly since: number | null;
  /** Milliseconds, not included. */
  readonly until: number | null;
  readonly type: string | null;
  readonly tool: string | null;
  readonly tenant: string | null;
  /** Id of who did it. */
  readonly actor: string | null;
  readonly permission: Permission | null;
  /** Id of a mandate that an entry is about. */
  readonly mandate: string | null;
  readonly order: "asc" | "desc";
}

/** Every entry, the newest first. */
export const NO_FILTERS: ActivityFilters = {
  since: null,
  until: null,
  type: null,
  tool: null,
  tenant: null,
  actor: null,
  permission: null,
  mandate: null,
  order: "desc",
};

/** A field that could not be taken as it was typed. */
export interface FilterProblem {
  readonly field: string;
  readonly message: string;
}

const MAX_NAME_LENGTH = 128;

const TEXT_FIELDS = {
  type: "type",
  tool: "tool_name",
  tenant: "tenant_id",
  actor: "actor",
  mandate: "mandate",
} as const;

/**
 * The filters that a page's query names: `since`, `until`, `type`, `tool_name`, `tenant_id`,
 * `actor`, `permission`, `mandate`, `order`; others are left alone. Times are RFC 3339, or what a date or time
 * field of a form sends, which is UTC: `2026-01-31T12:00`, or a day `2026-01-31`, of which `until`
 * is the end. An actor may be named as people call them. A field with a problem filters nothing.
 */
export function parseFilters(
  params: URLSearchParams,
  names: Names = NO_NAMES,
): { readonly filters: ActivityFilters; readonly problems: readonly FilterProblem[] } {
  const problems: FilterProblem[] = [];
  const refused = (field: string, message: string) => {
    problems.push({ field, message });
    return null;
  };
  const given = (field: string) => params.get(field)?.trim() || null;
  const name = (field: string) => {
    const text = given(field);
    return text !== null && text.length > MAX_NAME_LENGTH
      ? refused(field, `has ${text.length} characters; at most ${MAX_NAME_LENGTH} are looked for`)
      : text;
  };
  const time = (field: string, isEnd: boolean) => {
    const text = given(field);
    if (text === null) return null;
    return timeOf(text, isEnd) ??
      refused(field, `is ${JSON.stringify(text)}; give a day such as 2026-01-31 or a time`);
  };
  const permission = given("permission");
  const known = PERMISSIONS.find((one) => one === permission) ?? null;
  if (permission !== null && known === null) {
    refused("permission", `is ${JSON.stringify(permission)}; expected ${PERMISSIONS.join(", ")}`);
  }
  const actor = name(TEXT_FIELDS.actor);
  const since = time("since", false);
  let until = time("until", true);
  if (since !== null && until !== null && until <= since) {
    until = refused("until", "is not after the beginning; give a later time");
  }
  const filters: ActivityFilters = {
    since,
    until,
    type: name(TEXT_FIELDS.type),
    tool: name(TEXT_FIELDS.tool),
    tenant: name(TEXT_FIELDS.tenant),
    actor: actor === null || names.of(actor) !== null ? actor : names.idOf(actor) ?? actor,
    permission: known,
    mandate: name(TEXT_FIELDS.mandate),
    order: given("order") === "asc" ? "asc" : "desc",
  };
  return { filters, problems };
}

/** The query that `parseFilters` reads these filters from, for links and the live stream. */
export function filterParams(filters: ActivityFilters): URLSearchParams {
  const params = new URLSearchParams();
  for (const field of ["since", "until"] as const) {
    const time = filters[field];
    if (time !== null) params.set(field, new Date(time).toISOString());
  }
  for (const [name, field] of Object.entries(TEXT_FIELDS)) {
    const value = filters[name as keyof typeof TEXT_FIELDS];
    if (value !== null) params.set(field, value);
  }
  if (filters.permission !== null) params.set("permission", filters.permission);
  if (filters.order === "asc") params.set("order", "asc");
  return params;
}

/** The filters as the log is asked for them. */
export function facetsOf(filters: ActivityFilters): ActivityQuery["facets"] {
  return FACETS
    .flatMap((facet) => {
      const value = filters[facet];
      return value === null ? [] : [{ facet, value }];
    });
}

/** Whether an entry is among those asked for: how a stream chooses what it sends on. */
export function fits(entry: Entry, filters: ActivityFilters): boolean {
  const at = Date.parse(entry.at);
  return (filters.since === null || at >= filters.since) &&
    (filters.until === null || at < filters.until) &&
    facetsOf(filters).every(({ facet, value }) => facetValue(entry, facet) === value);
}

const day = z.iso.date();

const zoned = z.iso.datetime({ offset: true });

const local = z.iso.datetime({ local: true });

/** Milliseconds; null for what is no time. */
function timeOf(text: string, isEnd: boolean): number | null {
  if (day.safeParse(text).success) return Date.parse(text) + (isEnd ? DAY_MS : 0);
  if (zoned.safeParse(text).success) return Date.parse(text);
  return local.safeParse(text).success ? Date.parse(`${text}Z`) : null;
}
