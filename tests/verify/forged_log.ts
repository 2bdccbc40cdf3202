import assert from "node:assert/strict";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { activeLogKey, publicLogKey, signerOf } from "../../lib/ledger/checkpoints.ts";
import { DIGEST_VERSION, saltedDigest } from "../../lib/ledger/entry.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
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

const SALT = "0f".repeat(16);

/** The place of the last entry of a type. */
export function placeOf(
  lines: Line[],
  type: string,
  is: (line: Line) => boolean = () => true,
): number {
  const at = lines.findLastIndex((line) => line.entry.type === type && is(line));
  assert.notEqual(at, -1, type);
  return at;
}

/** The lines with another entry in the place of one. */
export function other(lines: Line[], at: number, change: (line: Line) => Partial<Line>): Line[] {
  const line = lines[at] ?? assert.fail();
  return lines.with(at, { ...line, ...change(line) });
}

/** A line that says more, or something else, in its data and its private parts, with digests to match. */
export function saying(line: Line, data: JsonObject, parts: Record<string, JsonValue> = {}): Line {
  const next: JsonObject = {
    ...line.entry.data as JsonObject,
    ...data,
    digest_version: DIGEST_VERSION,
  };
  const shown = { ...line.private };
  for (const [name, value] of Object.entries(parts)) {
    next[`${name}_digest`] = saltedDigest(SALT, value);
    shown[name] = { salt: SALT, value };
  }
  return { ...line, entry: { ...line.entry, data: next }, private: shown };
}

export function partOf(line: Line, name: string): JsonValue {
  return ((line.private?.[name] as JsonObject | undefined)?.value) ?? assert.fail(name);
}

/** The log with an entry of passkeys moved to another place, at the time of what stands before that. */
export function moved(lines: Line[], from: number, to: number): Line[] {
  const line = lines[from] ?? assert.fail();
  const left = lines.toSpliced(from, 1);
  const place = from < to ? to - 1 : to;
  const at = left[place - 1]?.entry.at ?? assert.fail();
  return left.toSpliced(place, 0, { ...line, entry: { ...line.entry, at } });
}

/** The lines without a part beside an entry, and without its digest where `gone` says so. */
export function hidden(
  lines: Line[],
  at: number,
  names: readonly string[],
  { gone = false } = {},
): Line[] {
  return other(lines, at, (line) => {
    const shown = { ...line.private };
    const data = { ...line.entry.data as JsonObject };
    for (const name of names) {
      delete shown[name];
      if (gone) delete data[`${name}_digest`];
    }
    return { private: shown, entry: { ...line.entry, data } };
  });
}

/** A log that was forged, what has to be found in it, and what is said of that. */
export type Forgery = readonly [
  name: string,
  code: FindingCode,
  said: RegExp,
  forge: (lines: Line[]) => Line[],
];
