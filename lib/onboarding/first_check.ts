import {
  type ActivityQuery,
  type LoggedEntry,
  readActivity,
  readHead,
} from "../ledger/log_reader.ts";
import type { Kv } from "../store/kv.ts";

const ROWS = 50;

/** Whose first check is waited for. */
interface Awaited {
  /** One key or agent; null for any. */
  readonly actor: string | null;
  /** Agents whose checks do not count. */
  readonly except: ReadonlySet<string>;
}

/** The first check, or where to go on looking. */
type Looked =
  | { readonly found: LoggedEntry }
  | { readonly found: null; readonly position: number };

/**
 * Looks for the oldest entry of a check by one of those awaited, from a position of the log on. A long
 * log without one is looked through over several calls.
 */
export async function findFirstCheck(
  kv: Kv,
  org: string,
  { actor, except }: Awaited,
  position: number,
): Promise<Looked> {
  const facets: ActivityQuery["facets"] = [
    { facet: "type", value: "permission.checked" },
    ...(actor === null ? [] : [{ facet: "actor" as const, value: actor }]),
  ];
  const { size } = await readHead(kv, org);
  const { entries, next } = await readActivity(kv, org, {
    facets,
    since: null,
    until: null,
    order: "asc",
    limit: ROWS,
    position,
  });
  const found = entries.find(({ entry }) => !except.has(entry.actor.id));
  if (found !== undefined) return { found };
  return { found: null, position: next ?? Math.max(position, size) };
}
