import { Buffer } from "node:buffer";
import type { AnswerHead } from "../deps.ts";

/**
 * Answers of strangers' hosts, read strictly and within bounds: what two readers could read in two
 * ways is refused.
 */

/**
 * Why there is no answer that can be used:
 * - `address_refused`: the URL, or an address that its host has, is not one to connect to.
 * - `busy`: as many requests as may wait for that host, or for all hosts, wait already.
 * - `unreachable`: no address, no connection, no proof of the name, an answer that was cut off.
 * - `timed_out`: no whole answer in the time for all of it, or none of it for too long a time.
 * - `redirected`: the answer leads elsewhere.
 * - `answer_malformed`: it is not HTTP, or not such that every reader finds the same end of it.
 * - `answer_too_large`: the body that was wanted is larger than asked for, or comes in crumbs.
 */
export type StrangerFailure =
  | "address_refused"
  | "busy"
  | "unreachable"
  | "timed_out"
  | "redirected"
  | "answer_malformed"
  | "answer_too_large";

/** There is no answer that can be used. The message may be shown to whoever named the host. */
export class StrangerFetchFailed extends Error {
  /**
   * @param sent whether any byte of the request may have arrived: where not, the host knows nothing
   *   of it, and it may be sent again
   */
  constructor(
    readonly code: StrangerFailure,
    message: string,
    cause?: unknown,
    readonly sent: boolean = false,
  ) {
    super(message, { cause });
  }
}

/** Where bytes come from; null is the end of them. */
export interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** Most bytes of a line, its end included. */
const MAX_LINE = 16 * 1024;

const LF = 0x0a;

const CR = 0x0d;

/** Takes lines and counted bytes off a connection, never more of them in memory than asked for. */
export class AnswerReader {
  readonly #buffer = new Uint8Array(MAX_LINE);
  #start = 0;
  #end = 0;

  /** How many bytes came so far. */
  received = 0;

  constructor(readonly source: ByteSource) {}

  /** Whether nothing has come that was not taken off. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /**
   * The next line without its CR LF, one character a byte.
   * @param max most bytes of it, its end included; at most `MAX_LINE`
   */
  async line(max: number): Promise<string> {
    let searched = 0;
    for (;;) {
      const unread = this.#buffer.subarray(this.#start, this.#end);
      const at = unread.indexOf(LF, searched);
      if (at + 1 > max || (at < 0 && unread.length >= max)) {
        throw malformed("has longer headers than are taken");
      }
      if (at >= 0) {
        // A bare LF ends a line for some readers only (RFC 9112 section 2.2).
        if (at === 0 || unread[at - 1] !== CR) throw malformed("has a line that ends without CR");
        this.#start += at + 1;
        return Buffer.from(unread.subarray(0, at - 1)).toString("latin1");
      }
      searched = unread.length;
      await this.#more();
    }
  }

  /** At least one byte and at most so many: what has arrived, or the next that does. */
  async some(most: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#start === this.#end) await this.#more();
    const bytes = this.#buffer.slice(this.#start, Math.min(this.#end, this.#start + most));
    this.#start += bytes.length;
    return bytes;
  }

  async #more(): Promise<void> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    const count = await this.source.read(this.#buffer.subarray(this.#end));
    if (count === null) throw new StrangerFetchFailed("unreachable", "The answer was cut off.");
    this.received += count;
    this.#end += count;
  }
}

/** What is wrong with an answer, as the end of a sentence. */
function malformed(what: string): StrangerFetchFailed {
  return new StrangerFetchFailed("answer_malformed", `The answer ${what}.`);
}

/** Most bytes of all that is not body: status lines, headers and trailers. */
const MAX_HEAD = MAX_LINE;

/** Most bytes of the line before a chunk: its size, and extensions that are not looked at. */
const MAX_CHUNK_LINE = 256;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;

/** White space before the colon, or at the start of a line, means different things to readers. */
const HEADER_LINE = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t\x20-\x7e\x80-\xff]*)$/;

const CHUNK_LINE = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** Headers by which one reader could see another end or meaning of the body than the next. */
const SINGLE = ["content-length", "transfer-encoding", "content-type", "content-encoding"];

/** A head, and what version of HTTP/1 it is of. */
export interface ReadHead extends AnswerHead {
  readonly minor: "0" | "1";
}

/**
 * Reads the head of the final answer (RFC 9112 sections 4 and 5), strictly.
 * @throws {StrangerFetchFailed}
 */
export async function readHead(reader: AnswerReader): Promise<ReadHead> {
  let left = MAX_HEAD;
  const line = async () => {
    const text = await reader.line(left);
    left -= text.length + 2;
    return text;
  };
  for (;;) {
    const [, minor, code] = STATUS_LINE.exec(await line()) ?? [];
    const status = Number(code);
    if (code === undefined) throw malformed("is not HTTP/1.1");
    const headers = await readHeaders(line);
    if (status === 101) throw malformed("changes the protocol");
    if (status >= 200) return { status, headers, minor: minor === "1" ? "1" : "0" };
  }
}

/**
 * Whether another request may follow on the connection of an answer that was read to its end (RFC 9112
 * section 9.3). Only after a success: whoever refuses may do so before having read all that was sent,
 * and take the rest of it for the next request.
 */
export function mayRest({ status, headers, minor }: ReadHead): boolean {
  if (minor !== "1" || status < 200 || status >= 300) return false;
  const length = headers.get("content-length") ?? "0";
  if (status === 204 && (length !== "0" || headers.has("transfer-encoding"))) return false;
  const options = headers.get("connection") ?? "keep-alive";
  return options.trim().toLowerCase() === "keep-alive";
}

/** Whether a body follows a head at all (RFC 9112 section 6.3). */
export function hasBody({ status, headers }: AnswerHead): boolean {
  const none = headers.get("content-length") === "0" && !headers.has("transfer-encoding");
  return status !== 204 && !none;
}

/** Most pieces of a body: each costs more memory than the bytes in it, if these are few. */
const MAX_PIECES = 1 << 16;

/**
 * Reads the body that belongs to a head (RFC 9112 section 6) as it arrives, in pieces of at most
 * 16 KiB. One that only the end of the connection ends is refused: who cuts the connection would
 * shorten it.
 * @throws {StrangerFetchFailed}
 */
export async function* bodyPieces(
  reader: AnswerReader,
  head: AnswerHead,
  max: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let count = 0;
  for await (const piece of pieces(reader, head, max)) {
    if (++count > MAX_PIECES) {
      const message = `The answer comes in more than ${MAX_PIECES} pieces.`;
      throw new StrangerFetchFailed("answer_too_large", message);
    }
    yield piece;
  }
}

async function* pieces(
  reader: AnswerReader,
  { status, headers }: AnswerHead,
  max: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const coding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (coding !== "identity") throw malformed("is compressed, which was not asked for");
  if (status === 204) return;
  const length = headers.get("content-length");
  const transfer = headers.get("transfer-encoding");
  if (length !== null && transfer !== null) throw malformed("has two lengths");
  if (transfer !== null) {
    if (transfer.toLowerCase() !== "chunked") throw malformed("has an unknown transfer encoding");
    yield* chunkPieces(reader, max);
    return;
  }
  if (length === null) throw malformed("does not say how long it is");
  if (!/^[0-9]{1,15}$/.test(length)) throw malformed("has a length that is no number");
  if (Number(length) > max) throw tooLarge(max);
  yield* counted(reader, Number(length));
}

/** Exactly so many bytes. */
async function* counted(reader: AnswerReader, count: number) {
  for (let left = count; left > 0;) {
    const piece = await reader.some(left);
    left -= piece.length;
    yield piece;
  }
}

/** A body as a whole. @throws {StrangerFetchFailed} */
export async function wholeBody(
  pieces: AsyncIterable<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  // Not a list of the pieces: a body of single bytes would take hundreds of times its size.
  let bytes = new Uint8Array(1024);
  let filled = 0;
  for await (const piece of pieces) {
    const size = filled + piece.length;
    if (size > bytes.length) {
      bytes = new Uint8Array(bytes.buffer.transfer(Math.max(size, 2 * bytes.length)));
    }
    bytes.set(piece, filled);
    filled = size;
  }
  return new Uint8Array(bytes.buffer.transfer(filled));
}

/**
 * What comes first of a body, to be shown; the rest is left unread, and one that breaks off, or is
 * not as it must be, counts as far as it came.
 */
export async function firstBytes(
  body: AsyncIterable<Uint8Array> | null,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(most);
  let filled = 0;
  try {
    for await (const piece of body ?? []) {
      bytes.set(piece.subarray(0, most - filled), filled);
      filled = Math.min(most, filled + piece.length);
      if (filled === most) break;
    }
  } catch (error) {
    if (!(error instanceof StrangerFetchFailed)) throw error;
  }
  return bytes.slice(0, filled);
}

async function readHeaders(line: () => Promise<string>): Promise<Headers> {
  const headers = new Headers();
  for (;;) {
    const text = await line();
    if (text === "") return headers;
    const [, name, value] = HEADER_LINE.exec(text) ?? [];
    if (name === undefined || value === undefined) throw malformed("has a line that is no header");
    if (SINGLE.includes(name.toLowerCase()) && headers.has(name)) {
      throw malformed(`has the header ${name.toLowerCase()} twice`);
    }
    headers.append(name, value);
  }
}

async function* chunkPieces(reader: AnswerReader, max: number) {
  let total = 0;
  for (;;) {
    const size = parseInt(CHUNK_LINE.exec(await reader.line(MAX_CHUNK_LINE))?.[1] ?? "", 16);
    if (Number.isNaN(size)) throw malformed("has a chunk without a size");
    total += size;
    if (total > max) throw tooLarge(max);
    if (size === 0) break;
    yield* counted(reader, size);
    if (await reader.line(MAX_CHUNK_LINE) !== "") {
      throw malformed("has a chunk of another size than it says");
    }
  }
  let left = MAX_HEAD;
  await readHeaders(async () => {
    const text = await reader.line(left);
    left -= text.length + 2;
    return text;
  });
}

function tooLarge(max: number): StrangerFetchFailed {
  return new StrangerFetchFailed("answer_too_large", `The answer is larger than ${max} bytes.`);
}
