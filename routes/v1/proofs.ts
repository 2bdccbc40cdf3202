import { z } from "zod";
import { LogTiles } from "../../lib/ledger/export.ts";
import { readHead } from "../../lib/ledger/log_reader.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import { consistencyProof, inclusionProof } from "../../lib/tlog/proof.ts";
import { hashes, indexField } from "../fields/log.ts";
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
      const { from } = call.query;
      const asked = { name: "to", size: call.query.to };
      const { tiles, size: to } = await tilesFor(call.services, call.org, asked);
      if (from > to) throw invalidRequest("/from", `must be at most the newer size, ${to}`);
      const proof = await consistencyProof(tiles, from, to);
      return { status: 200, body: { from, to, hashes: proof.map((hash) => hash.toHex()) } };
    },
  }),
];
