import { readLogOperation, readOnOperation } from "../../lib/evidence/read_log.ts";
import type { CallerOperation } from "../../lib/identity/caller_operation.ts";
import type { Client } from "../../lib/identity/client.ts";
import { exportChunks, type ExportRange } from "../../lib/ledger/export.ts";
import { firstIndexAt, readHead } from "../../lib/ledger/log_reader.ts";
import type { Services } from "../../lib/services.ts";
import { STREAM_HEADERS } from "../stream_headers.ts";
import { timeText } from "../v1/time_range.ts";

/** What an export takes of a request, of a key's and of a member's browser alike. */
export interface ExportCall {
  readonly services: Services;
  readonly org: string;
  readonly id: string;
  readonly client: Client;
  readonly caller: { readonly id: string };
  transact<L, R>(operation: CallerOperation<L, R>): Promise<R>;
}

/** What of a log is exported. */
export interface ExportAsked {
  /** Milliseconds, included. */
  readonly since: number | undefined;
  /** Milliseconds, not included. */
  readonly until: number | undefined;
  /** Where the reader may see them when absent. */
  readonly withPrivate?: boolean;
}

/**
 * A span of the log as NDJSON, to be saved as a file.
 * @throws {Refusal} too_many_streams, and as `readLogOperation`
 */
export async function logExport(call: ExportCall, asked: ExportAsked): Promise<Response> {
  const { services, org, client } = call;
  const { since, until, withPrivate: wanted } = asked;
  const range = await exportRange(call, asked);
  // Before the reading is written down: who is refused has read nothing.
  const place = services.answers.take(call.caller.id);
  try {
    const { withPrivate } = await call.transact(
      readLogOperation(
        wanted === undefined ? range : { ...range, withPrivate: wanted },
        { since: timeText(since), until: timeText(until) },
        client,
      ),
    );
    return new Response(place.stream(admitted(call, { ...range, withPrivate })), {
      headers: {
        ...STREAM_HEADERS,
        "content-type": "application/x-ndjson",
        "content-disposition": `attachment; filename="${org}.ndjson"`,
        "x-content-type-options": "nosniff",
      },
    });
  } catch (error) {
    place.release();
    throw error;
  }
}

/** The indices that a span of time covers at this moment. */
export async function exportRange(
  { services: { deps: { kv } }, org }: Pick<ExportCall, "services" | "org">,
  { since, until }: ExportAsked,
): Promise<{ readonly from: number; readonly to: number }> {
  const { size } = await readHead(kv, org);
  const [from, end] = await Promise.all([
    since === undefined ? 0 : firstIndexAt(kv, org, size, since),
    until === undefined ? size : firstIndexAt(kv, org, size, until),
  ]);
  return { from, to: Math.max(from, end) };
}

/**
 * The chunks of an export, each read when the reader asks for it, and each only while the reader
 * may still read: a key that is revoked ends the download with an error, not with a short file.
 */
async function* admitted(
  call: ExportCall,
  range: ExportRange,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { deps } = call.services;
  try {
    for await (const chunk of exportChunks(deps, call.org, range)) {
      await call.transact(readOnOperation(range));
      yield chunk;
    }
  } catch (error) {
    deps.log("warn", "An export ended early", { request_id: call.id, error: String(error) });
    throw error;
  }
}
