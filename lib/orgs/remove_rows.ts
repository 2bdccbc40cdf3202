import { Buffer } from "node:buffer";
import type { Ledgers } from "../ledger/ledgers.ts";
import { keyText } from "../ledger/transaction.ts";
import type { StoreKey } from "../store/keys.ts";

/** Rows that one commit removes at most, and bytes that their keys have. */
const MAX_ROWS = 200;

const MAX_KEY_BYTES = 50_000;

/**
 * Removes rows that nobody reads any more, as many with a commit as it takes: of a deleted org, whose
 * policy no node has to follow where nobody is let in, or of a policy that was replaced.
 */
export async function removeRows(
  { ledgers }: { readonly ledgers: Ledgers },
  org: string,
  rows: AsyncIterable<StoreKey>,
): Promise<void> {
  let batch: StoreKey[] = [];
  let bytes = 0;
  const remove = async () => {
    const keys = batch;
    batch = [];
    bytes = 0;
    if (keys.length === 0) return;
    await ledgers.transact(org, {
      plan: (transaction) => keys.forEach((key) => transaction.delete(key)),
    });
  };
  for await (const key of rows) {
    const size = Buffer.byteLength(keyText(key));
    if (batch.length === MAX_ROWS || bytes + size > MAX_KEY_BYTES) await remove();
    batch.push(key);
    bytes += size;
  }
  await remove();
}
