import type { z } from "zod";
import type { StoreKey } from "../store/keys.ts";
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
  { prefix, keyOf }: { readonly prefix: StoreKey; readonly keyOf: (id: string) => StoreKey },
  schema: z.ZodType<T>,
  { after, limit }: Span,
): Promise<T[]> {
  // Nothing sorts between a text and the same text with the character 0 behind it.
  const start = after === null ? {} : { start: keyOf(after + "\0") as Deno.KvKey };
  const selector = { prefix: prefix as Deno.KvKey, ...start };
  const records: T[] = [];
  for await (const { value } of listRecords(kv, selector, schema, { limit })) records.push(value);
  return records;
}
