import { z } from "zod";
import { receiptOf } from "../../lib/evidence/receipts.ts";
import { LogTiles } from "../../lib/ledger/export.ts";
import { readHead } from "../../lib/ledger/log_reader.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { consistencyProof, inclusionProof } from "../../lib/tlog/proof.ts";
import { RECEIPT_VERSION } from "../../lib/verify/verify_receipt.ts";
import {
  hashes,
  indexField,
  leafHash,
  logEntry,
  publishedKey,
  renderReceipt,
} from "../fields/log.ts";
import { guarded, type Route } from "../http/route.ts";

const READERS = ["standard", "management", "agent"] as const;

const count = z.number().int().nonnegative();

const inclusionQuery = z.strictObject({
  index: indexField("Index of the entry"),
  size: indexField("Size of the log to prove it in; that of the head when absent").optional(),
});

const consistencyQuery = z.strictObject({
  from: indexField("Size of the older log"),
  to: indexField("Size of the newer log; that of the head when absent").optional(),
});

/** The log's tiles of this moment, and the size asked for if the log has it. */
async function tilesFor(
  { deps }: Services,
  org: string,
  asked: { readonly name: string; readonly size: number | undefined },
): Promise<{ tiles: LogTiles; size: number }> {
  const head = await readHead(deps.kv, org);
  const size = asked.size ?? head.size;
  if (size > head.size) {
    throw invalidRequest(`/${asked.name}`, `is beyond the log, which has ${head.size} entries`);
  }
  return { tiles: new LogTiles(deps.kv, org, head.size), size };
}

export const proofRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/audit/proof/inclusion",
    group: "Audit log",
    summary: "Prove that an entry is in the log",
    description: "RFC 9162 section 2.1.3: the hash nearest to the leaf first.",
    callers: READERS,
    query: inclusionQuery,
    answers: { 200: z.object({ index: count, size: count, hashes }) },
    async handle(call) {
      await call.transact({ plan: () => {} });
      const { index } = call.query;
      const asked = { name: "size", size: call.query.size };
      const { tiles, size } = await tilesFor(call.services, call.org, asked);
      if (index >= size) {
        throw invalidRequest("/index", `must be below the size of the log, ${size}`);
      }
      const proof = await inclusionProof(tiles, index, size);
      return { status: 200, body: { index, size, hashes: proof.map((hash) => hash.toHex()) } };
    },
  }),
  guarded({
    method: "get",
    path: "/v1/audit/proof/consistency",
    group: "Audit log",
    summary: "Prove that the log has only grown",
    description: "RFC 9162 section 2.1.4. The proof is empty when both sizes are equal, or the " +
      "older log is the empty one.",
    callers: READERS,
    query: consistencyQuery,
    answers: { 200: z.object({ from: count, to: count, hashes }) },
    async handle(call) {
      await call.transact({ plan: () => {} });
      const { from } = call.query;
      const asked = { name: "to", size: call.query.to };
      const { tiles, size: to } = await tilesFor(call.services, call.org, asked);
      if (from > to) throw invalidRequest("/from", `must be at most the newer size, ${to}`);
      const proof = await consistencyProof(tiles, from, to);
      return { status: 200, body: { from, to, hashes: proof.map((hash) => hash.toHex()) } };
    },
  }),
];

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
