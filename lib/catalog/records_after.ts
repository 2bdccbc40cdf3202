import type { z } from "zod";
import { currentGeneration } from "../ledger/load_snapshot.ts";
import { placed, type StoreKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";

/** Which part of a list that is ordered by id: at most `limit` items behind the id `after`. */
export interface Span {
  /** An id that need not be in the list any more; null for the beginning. */
  readonly after: string | null;
  readonly limit: number;
}

/** Records of one kind in the order that the store keeps them in: by the id that ends their keys. */
export async function recordsAfter<T>(
  kv: Kv,
  org: string,
  { prefix, keyOf }: { readonly prefix: StoreKey; readonly keyOf: (id: string) => StoreKey },
  schema: z.ZodType<T>,
  { after, limit }: Span,
): Promise<T[]> {
  const generation = await currentGeneration(kv, org);
  const at = (key: StoreKey) => placed(key, generation) as Deno.KvKey;
  // Nothing sorts between a text and the same text with the character 0 behind it.
  const start = after === null ? {} : { start: at(keyOf(after + "\0")) };
  const selector = { prefix: at(prefix), ...start };
  const records: T[] = [];
  for await (const { value } of listRecords(kv, selector, schema, { limit })) records.push(value);
  return records;
}
