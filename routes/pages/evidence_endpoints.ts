import { z } from "zod";
import { currentCheckpoint } from "../../lib/ledger/checkpoints.ts";
import { readHead } from "../../lib/ledger/log_reader.ts";
import { LogTiles } from "../../lib/ledger/tile_source.ts";
import { consistencyProof } from "../../lib/merkle/proof.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import { type Endpoint, memberEndpoint } from "../endpoint.ts";
import { logExport } from "../fields/log.ts";
import { indexField } from "../v1/index_field.ts";
import { timeRange } from "../v1/time_range.ts";
import { EVIDENCE } from "./evidence_path.ts";

const span = z.object(timeRange);

/** The files that the page of checkpoint and export leads to. */
export const evidenceEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: `${EVIDENCE}/checkpoint.txt`,
    needs: "read",
    handle: async (call) => {
      const origin = await call.transact({ plan: ({ snapshot }) => snapshot.org.log_origin });
      const { size, note } = await currentCheckpoint(call.services.deps, call.org, origin);
      return file(note, "text/plain; charset=utf-8", `checkpoint-${size}.txt`);
    },
  }),
  memberEndpoint({
    method: "get",
    path: `${EVIDENCE}/consistency.json`,
    needs: "read",
    query: z.object({ from: indexField("Older size"), to: indexField("Newer size") }),
    handle: async (call) => {
      await call.transact({ plan: () => {} });
      const { services: { deps: { kv } }, org, query: { from, to } } = call;
      const { size } = await readHead(kv, org);
      if (to > size) throw invalidRequest("/to", `is beyond the log, which has ${size} entries`);
      if (from > to) throw invalidRequest("/from", `must be at most the newer size, ${to}`);
      const proof = await consistencyProof(new LogTiles(kv, org, size), from, to);
      const text = JSON.stringify({ from, to, hashes: proof.map((hash) => hash.toHex()) }, null, 2);
      return file(`${text}\n`, "application/json", `consistency-${from}-${to}.json`);
    },
  }),
  memberEndpoint({
    method: "get",
    path: `${EVIDENCE}/export`,
    needs: "read",
    query: span,
    handle: (call) => {
      const { since, until } = call.query;
      return logExport(call, { since, until, withPrivate: false });
    },
  }),
  // A form starts it, which no other site can send: reading private parts is noted in a name.
  memberEndpoint({
    method: "post",
    path: `${EVIDENCE}/export`,
    needs: "export_private",
    query: span,
    handle: (call) => {
      const { since, until } = call.query;
      return logExport(call, { since, until, withPrivate: true });
    },
  }),
];

function file(text: string, type: string, name: string): Response {
  return new Response(text, {
    headers: { "content-type": type, "content-disposition": `attachment; filename="${name}"` },
  });
}
