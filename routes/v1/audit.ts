import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { readLogOperation } from "../../lib/evidence/receipts.ts";
import { rotateLogKeyOperation } from "../../lib/evidence/rotate_log_key.ts";
import { currentCheckpoint } from "../../lib/ledger/checkpoints.ts";
import { type ExportRow, exportRows } from "../../lib/ledger/export.ts";
import { readHead } from "../../lib/ledger/log_reader.ts";
import { indexField, logExport, logRow, publishedKey, timeRange } from "../fields/log.ts";
import { decodeCursor, encodeCursor, pageAnswer, pageQuery } from "../fields/paging.ts";
import type { Call } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

/** Entries show what others did, which is not for an agent; hashes and proofs show nothing. */
const READERS = ["standard", "management"] as const;

const checkpointAnswer = z.object({
  origin: z.string(),
  size: z.number().int().nonnegative(),
  root_hash: z.string().describe("hex"),
  note: z.string().describe("C2SP signed note"),
});

const entriesQuery = z.strictObject({
  ...pageQuery,
  start: indexField("First index; 0 when absent").optional(),
});

const exportQuery = z.strictObject(timeRange);

const rotateAnswer = z.object({
  key: publishedKey,
  retired_kid: z.string(),
  audit: z.object({ index: z.number().int(), leaf_hash: z.string() }),
});

const position = z.tuple([z.number().int().nonnegative()]);

type Reading<Q> = Call<undefined, Q, undefined>;

async function checkpoint(call: Reading<undefined>) {
  const { services: { deps }, org, request } = call;
  const origin = await call.transact({ plan: ({ snapshot }) => snapshot.org.log_origin });
  const { size, rootHash, note } = await currentCheckpoint(deps, org, origin);
  if (request.headers.get("accept")?.toLowerCase().includes("application/json")) {
    return { status: 200, body: { origin, size, root_hash: rootHash.toHex(), note } };
  }
  return new Response(note, {
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

async function entries(call: Reading<z.output<typeof entriesQuery>>) {
  const { services: { deps }, org, query, client } = call;
  const { size } = await readHead(deps.kv, org);
  const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor, position);
  const from = cursor?.[0] ?? query.start ?? 0;
  const to = Math.min(from + query.limit, size);
  const { withPrivate } = await call.transact(readLogOperation({ from, to }, {}, client));
  const rows = await exportRows(deps, org, { from, to, withPrivate });
  const next_cursor = to < size ? encodeCursor([to]) : null;
  return { status: 200, body: { data: rows.map(renderRow), next_cursor } };
}

function renderRow({ index, leaf_hash, entry, private: parts }: ExportRow): JsonObject {
  return { index, leaf_hash, entry, private: parts };
}

export const auditRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/audit/checkpoint",
    group: "Audit log",
    summary: "Get the signed head of the log",
    description: "A C2SP signed note as `text/plain`, or JSON for `Accept: application/json`. " +
      "Keep one somewhere else now and then: only against it can a log that was set back be told.",
    callers: [...READERS, "agent"],
    answers: { 200: checkpointAnswer },
    media: "text/plain",
    handle: checkpoint,
  }),
  guarded({
    method: "get",
    path: "/v1/audit/entries",
    group: "Audit log",
    summary: "List entries as they are hashed",
    callers: READERS,
    query: entriesQuery,
    answers: { 200: pageAnswer(logRow) },
    refusals: ["tenant_not_permitted"],
    handle: entries,
  }),
  guarded({
    method: "get",
    path: "/v1/audit/export",
    group: "Audit log",
    summary: "Export the log as NDJSON",
    description: "One line an entry, up to the head of this moment. `deno task verify` takes the " +
      "whole log, without `since` and `until`, and a checkpoint that was fetched before it.",
    callers: READERS,
    query: exportQuery,
    answers: { 200: null },
    media: "application/x-ndjson",
    refusals: ["tenant_not_permitted"],
    handle: (call) => logExport(call, { since: call.query.since, until: call.query.until }),
  }),
  guarded({
    method: "post",
    path: "/v1/audit/rotate-key",
    group: "Audit log",
    summary: "Give the log a new signing key",
    description: "An entry signed by the old key and the new one hands the log over; verifiers " +
      "who pinned the old key follow it.",
    callers: ["management"],
    answers: { 201: rotateAnswer },
    handle: (call) =>
      call.commit(
        rotateLogKeyOperation(call.services.deps, call.client),
        ({ key, retired_kid, audit }) => ({
          status: 201,
          body: { key: { ...key }, retired_kid, audit: { ...audit } },
        }),
      ),
  }),
];
