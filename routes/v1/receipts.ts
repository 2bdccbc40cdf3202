import { z } from "zod";
import { type IssuedReceipt, receiptOf } from "../../lib/evidence/receipts.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { publishedLogKey } from "../../lib/tlog/log_key.ts";
import { RECEIPT_VERSION } from "../../lib/verify/verify_receipt.ts";
import { guarded, type Route } from "../http/route.ts";
import { hashes, leafHash, logEntry, publishedKey } from "./log_entries.ts";

const receiptParams = z.strictObject({
  id: z.string().min(1).max(64).describe("A `dec_`, `apr_` or `exe_` id"),
});

const receiptAnswer = z.object({
  v: z.literal(RECEIPT_VERSION).describe("A verifier takes no version that is newer than itself"),
  entry: logEntry,
  leaf_hash: leafHash,
  index: z.number().int().nonnegative(),
  size: z.number().int().positive().describe("Entries that the checkpoint covers"),
  inclusion: hashes.describe("RFC 9162 section 2.1.3.1"),
  checkpoint: z.string().describe("C2SP signed note"),
  key: publishedKey,
});

/** A receipt as it is handed out. */
export function renderReceipt(receipt: IssuedReceipt): JsonObject {
  const { entry, leaf_hash, index, inclusion, checkpoint } = receipt;
  return {
    v: RECEIPT_VERSION,
    entry,
    leaf_hash,
    index,
    size: checkpoint.size,
    inclusion: inclusion.map((hash) => hash.toHex()),
    checkpoint: checkpoint.note,
    key: { ...publishedLogKey(checkpoint.key) },
  };
}

export const receiptRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/receipts/:id",
    group: "Audit log",
    summary: "Get what proves one decision or execution to a stranger",
    description: "Of an approval it is the newest decision about it. Save the answer and verify " +
      "it offline with `deno task verify --receipt FILE --keys FILE`.",
    callers: ["standard", "management", "approver", "agent"],
    params: receiptParams,
    answers: { 200: receiptAnswer },
    refusals: ["not_found"],
    async handle(call) {
      const { caller, origin } = await call.transact({
        plan: ({ snapshot }, caller) => ({ caller, origin: snapshot.org.log_origin }),
      });
      const receipt = await receiptOf(call.services.deps, caller, origin, call.params.id);
      return { status: 200, body: renderReceipt(receipt) };
    },
  }),
];
