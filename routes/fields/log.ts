import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import {
  type IssuedReceipt,
  readLogOperation,
  readOnOperation,
} from "../../lib/evidence/receipts.ts";
import type { CallerOperation } from "../../lib/identity/acting.ts";
import type { Client } from "../../lib/identity/caller.ts";
import { exportChunks } from "../../lib/ledger/export.ts";
import { firstIndexAt, readHead } from "../../lib/ledger/log_reader.ts";
import type { Services } from "../../lib/services.ts";
import { publishedLogKey } from "../../lib/tlog/log_key.ts";
import { RECEIPT_VERSION } from "../../lib/verify/verify_receipt.ts";
import { STREAM_HEADERS } from "../http/headers.ts";

/** Schemas of the log's parts as answers carry them. */

const jsonObject = z.record(z.string(), z.json());

export const leafHash = z.string().regex(/^[0-9a-f]{64}$/)
  .describe("hex(SHA-256(0x00 || JCS(entry)))");

export const hashes = z.array(z.string().regex(/^[0-9a-f]{64}$/));

const entryFields = {
  index: z.number().int().nonnegative(),
  id: z.string(),
  at: z.iso.datetime(),
  type: z.string().describe("`noun.verb`"),
  actor: jsonObject.describe(
    "Who did it: `type` and `id`, and the `sub_token` that they acted through, where they did",
  ),
  subject: jsonObject.describe("What it was done to"),
  data: jsonObject,
};

export const activityEntry = z.object({ ...entryFields, leaf_hash: leafHash });

export const logEntry = z.object({ v: z.literal(1), org: z.string(), ...entryFields });

export const logRow = z.object({
  index: z.number().int().nonnegative(),
  leaf_hash: leafHash,
  entry: logEntry,
  private: jsonObject.nullable().describe(
    "What the leaf holds only as salted digests; null unless the key may see it",
  ),
});

/** A public key of a log, RFC 8037. */
export const publishedKey = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  kid: z.string().describe("RFC 7638 thumbprint"),
  use: z.literal("sig"),
  alg: z.literal("EdDSA"),
  origin: z.string().describe("Name of the log, the first line of its checkpoints"),
  status: z.enum(["active", "retired"]),
  retired_size: z.number().int().nonnegative().nullable()
    .describe("Of a retired key: how many entries it may sign for; nothing beyond counts"),
  retired_at: z.iso.datetime().nullable().describe("When it handed over"),
  successor: z.string().nullable().describe("`kid` of the one key that it handed over to"),
});

/** A place in the log, or a size of it, in a query. */
export function indexField(what: string) {
  return z.string().regex(/^(0|[1-9][0-9]{0,15})$/, "must be a whole number from 0 on")
    .transform(Number).pipe(z.number().max(Number.MAX_SAFE_INTEGER, "is beyond any log"))
    .describe(what);
}

/** A time in an input, as milliseconds. */
export const timeField = z.iso.datetime({
  offset: true,
  error: "must be a time such as 2026-01-31T12:00:00.000Z",
}).transform((text) => Date.parse(text));

/** Query fields of a span of time; milliseconds once parsed. */
export const timeRange = {
  since: timeField.optional().describe("From this time on, RFC 3339"),
  until: timeField.optional().describe("Before this time, RFC 3339"),
};

/** A bound as entries tell it; null when it was not given. */
export function timeText(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}

/** What an export takes of a request, of a key's and of a member's browser alike. */
interface ExportCall {
  readonly services: Services;
  readonly org: string;
  readonly id: string;
  readonly client: Client;
  readonly caller: { readonly id: string };
  transact<L, R>(operation: CallerOperation<L, R>): Promise<R>;
}

/** What of a log is exported. */
interface ExportAsked {
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
  return await streamedLines(call, org, async () => {
    const { withPrivate } = await call.transact(
      readLogOperation(
        wanted === undefined ? range : { ...range, withPrivate: wanted },
        { since: timeText(since), until: timeText(until) },
        client,
      ),
    );
    const read = { ...range, withPrivate };
    return {
      chunks: exportChunks(services.deps, org, read),
      goOn: () => call.transact(readOnOperation(read)),
    };
  });
}

/** Lines of a log on their way to a reader. */
interface OpenLines {
  /** Each is read when the reader asks for it. */
  readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Admits the reader once more. @throws {Refusal} */
  goOn(): Promise<unknown>;
}

/**
 * Lines of a log as NDJSON, to be saved as a file, one of so many at once a caller.
 * @param open admits the reader
 * @throws {Refusal} too_many_streams, and what `open` throws
 */
export async function streamedLines(
  call: ExportCall,
  name: string,
  open: () => Promise<OpenLines>,
): Promise<Response> {
  // Before the reading is written down: who is refused has read nothing.
  const place = call.services.answers.take(call.caller.id);
  try {
    const lines = await open();
    return new Response(place.stream(admitted(call, lines)), {
      headers: {
        ...STREAM_HEADERS,
        "content-type": "application/x-ndjson",
        "content-disposition": `attachment; filename="${name}.ndjson"`,
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
 * The chunks of lines, each read when the reader asks for it, and each only while the reader
 * may still read: a key that is revoked ends the download with an error, not with a short file.
 */
async function* admitted(
  { services: { deps }, id }: ExportCall,
  { chunks, goOn }: OpenLines,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  try {
    for await (const chunk of chunks) {
      await goOn();
      yield chunk;
    }
  } catch (error) {
    deps.log("warn", "An export ended early", { request_id: id, error: String(error) });
    throw error;
  }
}

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
