/**
 * How messages are cut out of the bytes of a stranger: a whole body, the events of a stream, or
 * lines. Nothing is kept of more bytes than one message may have.
 */

/** Bytes that are gathered up to a number of them. */
export class Gathered {
  #bytes = new Uint8Array(0);
  #length = 0;
  /** True once there were more than `max`; what came until then is given up. */
  overflown = false;

  constructor(readonly max: number) {}

  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    if (this.overflown) return;
    const size = this.#length + piece.length;
    if (size > this.max) {
      this.overflown = true;
      this.#bytes = new Uint8Array(0);
      this.#length = 0;
      return;
    }
    // Not a list of the pieces: one of single bytes would take hundreds of times its size.
    if (size > this.#bytes.length) {
      const room = Math.min(this.max, Math.max(size, 2 * this.#bytes.length, 1024));
      this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(room));
    }
    this.#bytes.set(piece, this.#length);
    this.#length = size;
  }

  /** All of them; there are none afterwards. Room that is left is not cut off, which would copy them. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    this.overflown = false;
    return bytes;
  }
}

/** A message, or word that one came which is too large. */
export type Framed = Uint8Array<ArrayBuffer> | "too_large";

/** A body that is one message. @throws what reading it throws */
export async function wholeMessage(
  body: AsyncIterable<Uint8Array>,
  max: number,
): Promise<Framed> {
  const gathered = new Gathered(max);
  for await (const piece of body) {
    gathered.add(piece);
    if (gathered.overflown) return "too_large";
  }
  return gathered.take();
}

const LF = 0x0a;

const NEWLINE = Uint8Array.of(LF);

const CR = 0x0d;

const COLON = 0x3a;

const SPACE = 0x20;

/** The names of fields are shorter; a longer one is none. */
const MAX_FIELD = 16;

/**
 * The data of the events of a stream (the HTML standard, section 9.2.6), as they come. An event that
 * is too large is told at once, and the stream is not read on. What the end cuts off is no event.
 * @throws what reading it throws
 */
export async function* eventMessages(
  body: AsyncIterable<Uint8Array>,
  max: number,
): AsyncGenerator<Framed, void> {
  const data = new Gathered(max);
  // The line that is being read: its field, up to a colon, and whether that is "data".
  let field = "";
  let place: "field" | "after_colon" | "value" = "field";
  let lines = 0;
  let afterCr = false;
  for await (const piece of body) {
    for (let at = 0; at < piece.length;) {
      const byte = piece[at];
      if (afterCr) {
        afterCr = false;
        if (byte === LF) {
          at++;
          continue;
        }
      }
      if (byte === CR || byte === LF) {
        afterCr = byte === CR;
        at++;
        if (place === "field" && field === "") {
          if (data.length > 0) yield data.take();
          lines = 0;
        } else if (place === "field" && field === "data") lines++;
        [place, field] = ["field", ""];
      } else if (place === "field") {
        at++;
        if (byte === COLON) {
          place = "after_colon";
          if (field === "data" && lines++ > 0) data.add(NEWLINE);
        } else if (field.length <= MAX_FIELD) field += String.fromCharCode(byte ?? 0);
      } else {
        if (place === "after_colon" && byte === SPACE) at++;
        place = "value";
        const end = lineEnd(piece, at);
        if (field === "data") data.add(piece.subarray(at, end));
        at = end;
      }
      if (data.overflown) {
        yield "too_large";
        return;
      }
    }
  }
}

function lineEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === LF || bytes[at] === CR) return at;
  }
  return bytes.length;
}

/** A line that was too long, by its beginning and its end. */
export interface LongLine {
  readonly head: Uint8Array<ArrayBuffer>;
  readonly tail: Uint8Array<ArrayBuffer>;
}

/** How much of a line that is too long is kept at either end. */
const KEPT = 512;

/**
 * Lines (of MCP by stdio), as they come. A line that is too long is read to its end without being
 * kept. What the end cuts off is no line.
 * @param give_up how long a line may be at all: then this ends
 * @throws what reading it throws
 */
export async function* lineMessages(
  pieces: AsyncIterable<Uint8Array>,
  max: number,
  give_up: number,
): AsyncGenerator<Uint8Array<ArrayBuffer> | LongLine, void> {
  const line = new Gathered(max);
  let length = 0;
  let head = new Gathered(KEPT);
  let tail: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const newline = piece.indexOf(LF, at);
      const end = newline < 0 ? piece.length : newline;
      const part = piece.subarray(at, end);
      head.add(part.subarray(0, KEPT - head.length));
      tail = lastOf(tail, part);
      line.add(part);
      length += part.length;
      if (length > give_up) return;
      at = end + 1;
      if (newline < 0) continue;
      if (line.overflown) yield { head: head.take(), tail };
      const whole = line.take();
      if (whole.length > 0) yield whole;
      length = 0;
      head = new Gathered(KEPT);
      tail = new Uint8Array(0);
    }
  }
}

/** The last bytes of what came before and of what comes. */
function lastOf(before: Uint8Array, part: Uint8Array): Uint8Array<ArrayBuffer> {
  if (part.length >= KEPT) return part.slice(-KEPT);
  const kept = before.subarray(Math.max(0, before.length + part.length - KEPT));
  const bytes = new Uint8Array(kept.length + part.length);
  bytes.set(kept);
  bytes.set(part, kept.length);
  return bytes;
}
