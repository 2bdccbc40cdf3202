import { z } from "zod";
import type { Deps } from "../deps.ts";
import { logPrivateKey, logPrivatePrefix, type StoreKey } from "../store/keys.ts";
import { type Kv, listRecords, parseRecord } from "../store/kv.ts";
import { sealedRecord } from "../store/records/log.ts";
import type { Sealer } from "../store/sealing.ts";
import { type PrivateParts, privateParts } from "./private_parts.ts";
import type { PrivateRow } from "./segments.ts";

type LogPrivateKey = ReturnType<typeof logPrivateKey>;

const privateRow = z.array(z.tuple([z.number().int().nonnegative(), privateParts]));

/** The private parts of the entries `from` (included) to `to` (not included) that have any left. */
export async function* privatePartsFrom(
  deps: Deps,
  org: string,
  from: number,
  to: number,
): AsyncGenerator<{ index: number; parts: PrivateParts }> {
  if (from >= to) return;
  const first = await privateRowKey(deps.kv, org, from);
  const range = {
    start: first ?? logPrivateKey(org, from),
    end: logPrivateKey(org, to),
  };
  const rows = listRecords(deps.kv, range as Deno.KvListSelector, sealedRecord, { batchSize: 8 });
  for await (const { key, value } of rows) {
    for (const [index, parts] of openPrivateRow(deps.sealer, key, value.sealed)) {
      if (index >= from && index < to) yield { index, parts };
    }
  }
}

/** The key of the row that holds an entry's private parts if any row does: the last one up to it. */
export async function privateRowKey(
  kv: Kv,
  org: string,
  index: number,
): Promise<LogPrivateKey | null> {
  const range = { prefix: logPrivatePrefix(org), end: logPrivateKey(org, index + 1) };
  for await (const { key } of kv.list(range, { reverse: true, limit: 1 })) {
    return key as LogPrivateKey;
  }
  return null;
}

/** The content of a sealed row. @throws {CannotOpen}, {MalformedRecord} */
export function openPrivateRow(sealer: Sealer, key: StoreKey, sealed: Uint8Array): PrivateRow {
  return parseRecord(key, privateRow, sealer.openJson(key, sealed)) as PrivateRow;
}
