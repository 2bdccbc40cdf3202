import type { Deps } from "../lib/deps.ts";
import { Refusal } from "../lib/refusals/refusal.ts";
import { SurfaceRefusal } from "./problem_document.ts";

/** Most bytes a body may have. */
export const MAX_BODY_BYTES = 256 * 1024;
/** How long a body may take to arrive. */
const BODY_SECONDS = 10;

/**
 * The bytes of a request's body.
 * @throws {SurfaceRefusal} payload_too_large before more than the limit is held in memory,
 *   request_timeout when it drips in too slowly
 * @throws {Refusal} malformed_json when it ends before its stated length
 */
export async function readBody(request: Request, deps: Deps): Promise<Uint8Array> {
  // Asking for `request.body` builds a stream, which costs more than reading a small body whole.
  const length = request.headers.get("content-length");
  const stated = Number(length ?? "NaN");
  if (stated === 0 || (length === null && request.body === null)) return new Uint8Array(0);
  if (stated > MAX_BODY_BYTES) {
    throw new SurfaceRefusal("payload_too_large", { limit: MAX_BODY_BYTES });
  }
  const timer = deps.timer(BODY_SECONDS * 1000);
  const tooSlow = timer.elapsed.then(() => {
    throw new SurfaceRefusal("request_timeout", { seconds: BODY_SECONDS });
  });
  try {
    // A stated length is one the server holds the peer to; without one the bytes are counted.
    const reading = Number.isNaN(stated) && request.body !== null
      ? readCounted(request.body)
      : request.bytes();
    return await Promise.race([reading, tooSlow]);
  } catch (error) {
    if (error instanceof SurfaceRefusal) throw error;
    throw new Refusal("malformed_json", { message: "The body ended before it was complete." });
  } finally {
    timer.cancel();
  }
}

async function readCounted(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new SurfaceRefusal("payload_too_large", { limit: MAX_BODY_BYTES });
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
