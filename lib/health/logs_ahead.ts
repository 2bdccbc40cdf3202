import type { Deps } from "../deps.ts";
import { isAhead } from "../ledger/head_clock.ts";
import { logHeadPrefix } from "../store/keys.ts";
import { listRecords } from "../store/kv.ts";
import { logHead } from "../store/records/log.ts";

/**
 * The orgs whose log lies further ahead of the clock than a clock may be wrong, and the time of their
 * newest entry, milliseconds. @param limit how many logs are looked at
 */
export async function* logsAhead(
  { kv, now }: Pick<Deps, "kv" | "now">,
  limit = Infinity,
): AsyncGenerator<{ readonly org: string; readonly at: number }> {
  const heads = { prefix: [...logHeadPrefix()] };
  const options = limit === Infinity ? {} : { limit };
  for await (const { key, value } of listRecords(kv, heads, logHead, options)) {
    if (isAhead(value, now())) yield { org: String(key[1]), at: value.at };
  }
}
