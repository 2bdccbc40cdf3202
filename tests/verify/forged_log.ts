import type { JsonObject } from "../../lib/base/json.ts";
import { activeLogKey, publicLogKey, signerOf } from "../../lib/ledger/checkpoints.ts";
import type { LogVerdict } from "../../lib/verify/verify_log.ts";
import type { TestOrg } from "../helpers/countersign.ts";
import { verdictOn } from "../helpers/evidence.ts";
import { checkpointOf, exportOf, hashOf, type Line } from "../helpers/signed_log.ts";
import { storedLines } from "../helpers/stored_log.ts";

/** The log of an org, with its private parts, as whoever holds its key can make it be. */

/** The log as it stands, or with other lines, signed by its own key: the lines and what is found. */
export async function judged(
  org: TestOrg,
  { change, mandate }: { change?: (lines: Line[]) => Line[]; mandate?: string } = {},
): Promise<{ readonly lines: Line[]; readonly verdict: LogVerdict }> {
  const { services: { deps } } = org.countersign;
  const stored = await storedLines(deps, org.id);
  const lines = change === undefined ? stored : change(stored).map(rehashed);
  const origin = (await org.get("/v1/audit/checkpoint")).text.split("\n", 1)[0] ?? "";
  const record = await activeLogKey(deps, org.id);
  const signer = await signerOf(deps, org.id, origin, record);
  const note = await checkpointOf(lines, signer);
  const verdict = await verdictOn(exportOf(lines), note, [publicLogKey(origin, record)], {
    mandate,
  });
  return { lines, verdict };
}

/** A line in its place, with the hash that it has there. */
function rehashed(line: Line, index: number): Line {
  const entry = { ...line.entry, index };
  return { ...line, index, entry, leaf_hash: hashOf(entry) };
}

/** A member of an entry's data. */
export function told(entry: JsonObject, name: string) {
  return (entry.data as JsonObject)[name];
}

/** The lines with other data in the last one that is meant; null where none is. */
export function changed(
  lines: Line[],
  is: (line: Line) => boolean,
  change: (data: JsonObject) => JsonObject,
): Line[] | null {
  const at = lines.findLastIndex(is);
  const line = lines[at];
  if (line === undefined) return null;
  return lines.with(at, {
    ...line,
    entry: { ...line.entry, data: change(line.entry.data as JsonObject) },
  });
}
