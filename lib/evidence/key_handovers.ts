import { readActivity } from "../ledger/activity.ts";
import type { Kv } from "../store/kv.ts";
import { jwkThumbprint, parsePublicJwk } from "../tlog/log_key.ts";
import { ROTATION_TYPE } from "../verify/trusted_keys.ts";

/** What the log says of how a key handed over. */
export interface KeyHandover {
  /** Of the entry that says it. */
  readonly index: number;
  /** Milliseconds. */
  readonly at: number;
  /** The `kid` of the new key. */
  readonly successor: string;
}

const MOST_AT_ONCE = 100;

/** How each key of an org's log handed over, by its `kid`; of two entries about one key the first. */
export async function listHandovers(kv: Kv, org: string): Promise<Map<string, KeyHandover>> {
  const handovers = new Map<string, KeyHandover>();
  let position: number | null = 0;
  while (position !== null) {
    const { entries, next } = await readActivity(kv, org, {
      facets: [{ facet: "type", value: ROTATION_TYPE }],
      since: null,
      until: null,
      order: "asc",
      limit: MOST_AT_ONCE,
      position,
    });
    for (const { index, entry: { at, data } } of entries) {
      const newKey = parsePublicJwk(data.new_key);
      if (newKey === null || typeof data.old_kid !== "string") continue;
      if (handovers.has(data.old_kid)) continue;
      handovers.set(data.old_kid, { index, at: Date.parse(at), successor: jwkThumbprint(newKey) });
    }
    position = next;
  }
  return handovers;
}
