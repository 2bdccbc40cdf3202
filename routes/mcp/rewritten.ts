/**
 * The response of the protocol's library with something else in its messages, whether it answers in
 * one or by a stream. What passes is text: a message is changed as it is, not read and written anew.
 */

/** Text, or bytes of JSON that go into it as they are but for line ends. */
export type MessagePart = string | Uint8Array;

/** How much of a part is copied at a time, for whoever sends it takes it for their own. */
const PIECE_BYTES = 16 * 1024;

/** A message up to this long is answered in one. */
const SMALL_BYTES = 64 * 1024;

/** @param change gives a message as it is to leave, on one line as it came */
export async function rewritten(
  response: Response,
  change: (message: string) => readonly MessagePart[],
): Promise<Response> {
  const { status, headers, body } = response;
  const type = headers.get("content-type") ?? "";
  if (type.startsWith("application/json")) {
    const parts = change(await response.text());
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const whole = ReadableStream.from(piecesOf(parts));
    // One that is small has its length said, as it had before.
    const body = size <= SMALL_BYTES ? await new Response(whole).bytes() : whole;
    return new Response(body, { status, headers });
  }
  if (!type.startsWith("text/event-stream") || body === null) return response;
  const lines = changedLines(body.pipeThrough(new TextDecoderStream()), change);
  return new Response(ReadableStream.from(lines), { status, headers });
}

const DATA = "data: ";

/** Events of a stream: each message stands on a line of its own (HTML, "Server-sent events"). */
async function* changedLines(
  body: AsyncIterable<string>,
  change: (message: string) => readonly MessagePart[],
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let parts: string[] = [];
  const changed = (line: string) =>
    line.startsWith(DATA) ? [DATA, ...change(line.slice(DATA.length))] : [line];
  for await (const chunk of body) {
    const [first = "", ...rest] = chunk.split("\n");
    parts.push(first);
    for (const next of rest) {
      yield* piecesOf([...changed(parts.join("")), "\n"]);
      parts = [next];
    }
  }
  const last = parts.join("");
  if (last !== "") yield* piecesOf(changed(last));
}

const CR = 0x0d;

const LF = 0x0a;

const SPACE = 0x20;

/** Bytes of it, a piece whenever the one before was taken. */
function* piecesOf(parts: readonly MessagePart[]): Generator<Uint8Array<ArrayBuffer>, void> {
  for (const part of parts) {
    if (typeof part === "string") {
      if (part !== "") yield new TextEncoder().encode(part);
      continue;
    }
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      const piece = new Uint8Array(part.subarray(at, at + PIECE_BYTES));
      // JSON on one line: line ends stand in it between values alone (RFC 8259 section 7).
      for (let i = 0; i < piece.length; i++) {
        if (piece[i] === CR || piece[i] === LF) piece[i] = SPACE;
      }
      yield piece;
    }
  }
}
