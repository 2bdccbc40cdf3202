import { type AnswerReader, malformed, MAX_LINE } from "../net/answer_reader.ts";
import { type AnswerHead, StrangerFetchFailed } from "../net/stranger_fetch.ts";

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
  const body = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function tooLarge(max: number): StrangerFetchFailed {
  return new StrangerFetchFailed("answer_too_large", `The answer is larger than ${max} bytes.`);
}
