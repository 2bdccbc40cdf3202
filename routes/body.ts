import type { Deps } from "../lib/deps.ts";
import { Refusal } from "../lib/refusal.ts";
import { SurfaceRefusal } from "./http/problem_document.ts";

/** How large a body may be, and how long it may take to arrive. */
export interface BodyLimit {
  readonly bytes: number;
  readonly seconds: number;
}

/** What holds where a route says nothing else. */
export const USUAL_BODY: BodyLimit = { bytes: 256 * 1024, seconds: 10 };

/** A whole policy: for whoever holds a management key. */
export const POLICY_BODY: BodyLimit = { bytes: 16 * 1024 * 1024, seconds: 60 };

/** Whether a body can be larger than a limit, by what its request says of it. */
export function mayExceed(request: Request, { bytes }: BodyLimit): boolean {
  const length = request.headers.get("content-length");
  return length === null ? request.body !== null : !(Number(length) <= bytes);
}

/**
 * The bytes of a request's body.
 * @throws {SurfaceRefusal} payload_too_large before more than the limit is held in memory,
 *   request_timeout when it drips in too slowly
 * @throws {Refusal} malformed_json when it ends before its stated length
 */
export async function readBody(
  request: Request,
  deps: Deps,
  limit = USUAL_BODY,
): Promise<Uint8Array> {
  // Asking for `request.body` builds a stream, which costs more than reading a small body whole.
  const length = request.headers.get("content-length");
  const stated = Number(length ?? "NaN");
  if (stated === 0 || (length === null && request.body === null)) return new Uint8Array(0);
  if (stated > limit.bytes) {
    throw new SurfaceRefusal("payload_too_large", { limit: limit.bytes });
  }
  const timer = deps.timer(limit.seconds * 1000);
  const tooSlow = timer.elapsed.then(() => {
    throw new SurfaceRefusal("request_timeout", { seconds: limit.seconds });
  });
  try {
    // A stated length is one the server holds the peer to; without one the bytes are counted.
    const reading = Number.isNaN(stated) && request.body !== null
      ? readCounted(request.body, limit.bytes)
      : request.bytes();
    return await Promise.race([reading, tooSlow]);
  } catch (error) {
    if (error instanceof SurfaceRefusal) throw error;
    throw new Refusal("malformed_json", { message: "The body ended before it was complete." });
  } finally {
    timer.cancel();
  }
}

async function readCounted(
  body: ReadableStream<Uint8Array>,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw new SurfaceRefusal("payload_too_large", { limit });
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
