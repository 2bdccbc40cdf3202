import { isUtf8 } from "node:buffer";
import { joinBytes } from "../base/bytes.ts";

/** What an HTTP API answers, as the result of a tool: text, pictures, sounds, files. Pure. */

/** An answer by HTTP that says that it was done. */
export interface HttpAnswered {
  readonly status: number;
  /** In lower case, without parameters; empty for none. */
  readonly media_type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Where it came from, without what was asked. */
  readonly address: string;
}

const JSON_TYPE = /^(?:application\/json|text\/json|[a-z0-9.+-]+\/[a-z0-9.+-]+\+json)$/;

const TEXT =
  /^(?:text\/.*|application\/(?:xml|yaml|x-yaml|javascript|graphql|x-ndjson|x-www-form-urlencoded|toml)|.*\+xml|)$/;

const SEEN = /^image\/(?:png|jpeg|gif|webp)$/;

const HEARD = /^audio\/(?:mpeg|wav|ogg|mp4)$/;

const OPEN_BRACE = 0x7b;

/** Whether it is, as far as its type and first byte say, JSON of an object. */
export function isObjectText({ media_type, body }: HttpAnswered): boolean {
  return JSON_TYPE.test(media_type) && body.find((byte) => byte > 0x20) === OPEN_BRACE;
}

/**
 * A body that its type calls a text, in UTF-8: what says that it is written otherwise is read so, for
 * nobody who looks for something in a text finds it in one of two bytes a letter.
 */
export function inUtf8(
  body: Uint8Array<ArrayBuffer>,
  media_type: string,
  content_type: string | null,
): Uint8Array<ArrayBuffer> {
  const isJson = JSON_TYPE.test(media_type);
  if (!isJson && !TEXT.test(media_type)) return body;
  const decoder = decoderOf(content_type, body);
  // Of one byte a letter JSON is written by nobody, whatever it says (RFC 8259, section 8.1).
  const isWide = decoder?.encoding.startsWith("utf-16") === true;
  if (decoder === null || decoder.encoding === "utf-8") return body;
  if (isJson && !isWide && isUtf8(body)) return body;
  return new TextEncoder().encode(decoder.decode(body));
}

/** What reads the charset that a body begins with, or its type names; null for none that is known. */
function decoderOf(content_type: string | null, [first, second]: Uint8Array): TextDecoder | null {
  const [, named] = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(content_type ?? "") ?? [];
  const label = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : named;
  if (label === undefined) return null;
  try {
    return new TextDecoder(label);
  } catch {
    return null;
  }
}

/** The text that a file is; null for what is none, and for pictures and sounds. */
export function textOfFile({ media_type, body }: HttpAnswered): string | null {
  if (JSON_TYPE.test(media_type) || TEXT.test(media_type)) return null;
  if (SEEN.test(media_type) || HEARD.test(media_type)) return null;
  return body.length > 0 && isUtf8(body) && !body.includes(0)
    ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(body)
    : null;
}

/**
 * A message with the result, as MCP writes one.
 * @param structured whether its body is structured content, too
 */
export function resultMessage(
  answered: HttpAnswered,
  structured: boolean,
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const { status, body } = answered;
  const meta = `"_meta":{"countersign/http_status":${status}}`;
  return joinBytes([
    encoder.encode(`{"result":{"content":[`),
    encoder.encode(JSON.stringify(blockOf(answered))),
    encoder.encode(`]`),
    ...structured ? [encoder.encode(`,"structuredContent":`), body] : [],
    encoder.encode(`,"isError":false,${meta}}}`),
  ]);
}

function blockOf({ status, media_type, body, address }: HttpAnswered): object {
  if (body.length === 0) return { type: "text", text: `HTTP ${status}, without a body.` };
  const isText = (JSON_TYPE.test(media_type) || TEXT.test(media_type)) && isUtf8(body);
  if (isText) return { type: "text", text: new TextDecoder().decode(body) };
  const mimeType = media_type === "" ? "application/octet-stream" : media_type;
  if (SEEN.test(media_type)) return { type: "image", data: body.toBase64(), mimeType };
  if (HEARD.test(media_type)) return { type: "audio", data: body.toBase64(), mimeType };
  return { type: "resource", resource: { uri: address, mimeType, blob: body.toBase64() } };
}
