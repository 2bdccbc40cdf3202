import { Buffer } from "node:buffer";
import { joinBytes } from "../base/bytes.ts";
import type { AnswerHead } from "../deps.ts";

/**
 * Answers of strangers' hosts, read strictly and within bounds: what two readers could read in two
 * ways is refused.
 */

/**
 * Why there is no answer that can be used:
 * - `address_refused`: the URL, or an address that its host has, is not one to connect to.
 * - `unreachable`: no address, no connection, no proof of the name, no whole answer in time.
 * - `redirected`: the answer leads elsewhere.
 * - `answer_malformed`: it is not HTTP, or not such that every reader finds the same end of it.
 * - `answer_too_large`: the body that was wanted is larger than asked for.
 */
export type StrangerFailure =
  | "address_refused"
  | "unreachable"
  | "redirected"
  | "answer_malformed"
  | "answer_too_large";

/** There is no answer that can be used. The message may be shown to whoever named the host. */
export class StrangerFetchFailed extends Error {
  constructor(readonly code: StrangerFailure, message: string, cause?: unknown) {
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

  constructor(readonly source: ByteSource) {}

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

  /** Exactly so many bytes. */
  async exactly(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#start === this.#end) await this.#more();
      const some = this.#buffer.subarray(
        this.#start,
        Math.min(this.#end, this.#start + count - filled),
      );
      bytes.set(some, filled);
      filled += some.length;
      this.#start += some.length;
    }
    return bytes;
  }

  async #more(): Promise<void> {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    const count = await this.source.read(this.#buffer.subarray(this.#end));
    if (count === null) throw new StrangerFetchFailed("unreachable", "The answer was cut off.");
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

const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;

/** White space before the colon, or at the start of a line, means different things to readers. */
const HEADER_LINE = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t\x20-\x7e\x80-\xff]*)$/;

const CHUNK_LINE = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** Headers by which one reader could see another end or meaning of the body than the next. */
const SINGLE = ["content-length", "transfer-encoding", "content-type", "content-encoding"];

/**
 * Reads the head of the final answer (RFC 9112 sections 4 and 5), strictly.
 * @throws {StrangerFetchFailed}
 */
export async function readHead(reader: AnswerReader): Promise<AnswerHead> {
  let left = MAX_HEAD;
  const line = async () => {
    const text = await reader.line(left);
    left -= text.length + 2;
    return text;
  };
  for (;;) {
    const status = Number(STATUS_LINE.exec(await line())?.[1]);
    if (Number.isNaN(status)) throw malformed("is not HTTP/1.1");
    const headers = await readHeaders(line);
    if (status === 101) throw malformed("changes the protocol");
    if (status >= 200) return { status, headers };
  }
}

/**
 * Reads the body that belongs to a head (RFC 9112 section 6). One that only the end of the
 * connection ends is refused: who cuts the connection would shorten it.
 * @throws {StrangerFetchFailed}
 */
export async function readBody(
  reader: AnswerReader,
  { status, headers }: AnswerHead,
  max: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const coding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (coding !== "identity") throw malformed("is compressed, which was not asked for");
  if (status === 204) return new Uint8Array();
  const length = headers.get("content-length");
  const transfer = headers.get("transfer-encoding");
  if (length !== null && transfer !== null) throw malformed("has two lengths");
  if (transfer !== null) {
    if (transfer.toLowerCase() !== "chunked") throw malformed("has an unknown transfer encoding");
    return await readChunks(reader, max);
  }
  if (length === null) throw malformed("does not say how long it is");
  if (!/^[0-9]{1,15}$/.test(length)) throw malformed("has a length that is no number");
  if (Number(length) > max) throw tooLarge(max);
  return await reader.exactly(Number(length));
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

async function readChunks(reader: AnswerReader, max: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  for (;;) {
    const size = parseInt(CHUNK_LINE.exec(await reader.line(MAX_CHUNK_LINE))?.[1] ?? "", 16);
    if (Number.isNaN(size)) throw malformed("has a chunk without a size");
    total += size;
    if (total > max) throw tooLarge(max);
    if (size === 0) break;
    chunks.push(await reader.exactly(size));
    const [cr, lf] = await reader.exactly(2);
    if (cr !== 0x0d || lf !== 0x0a) throw malformed("has a chunk of another size than it says");
  }
  let left = MAX_HEAD;
  await readHeaders(async () => {
    const text = await reader.line(left);
    left -= text.length + 2;
    return text;
  });
  return joinBytes(chunks);
}

function tooLarge(max: number): StrangerFetchFailed {
  return new StrangerFetchFailed("answer_too_large", `The answer is larger than ${max} bytes.`);
}
