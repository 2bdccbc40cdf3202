import { decodeUtf8 } from "../json/decode_utf8.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { parseStrictJson } from "../json/parse_strict.ts";
import { strangerUrlProblem } from "../net/stranger_url.ts";
import { isAllowedRedirectUri } from "./redirect_uri.ts";
import { nameOf } from "./registration_request.ts";

/** Most bytes of a document. */
export const MAX_DOCUMENT = 10 * 1024;

const MAX_REDIRECT_URIS = 50;

const MAX_DEPTH = 8;

/** What of a client's document counts here. */
export interface ClientDocument {
  readonly name: string;
  /** As declared, in their order; the allowed ones, at least one. */
  readonly redirect_uris: readonly string[];
}

/** Why a document is not taken, as the end of a sentence about it. */
export interface DocumentProblem {
  readonly problem: string;
}

/**
 * Why a text cannot be the address of a client's document, or null; it completes a sentence that
 * begins with the address. Besides what holds for every URL of a stranger it has a path, and is
 * written in the one way that every program writes it: `..`, another case, a port that goes without
 * saying or letters outside of ASCII would let two ids mean one document.
 */
export function documentUrlProblem(client_id: string): string | null {
  const problem = strangerUrlProblem(client_id);
  if (problem !== null) return problem;
  const { href, pathname } = new URL(client_id);
  if (pathname === "/") return "has no path";
  if (href !== client_id) return `is another way to write ${href}`;
  return null;
}

/** Whether a content type is JSON's (RFC 8259 section 11, RFC 6839 section 3.1). */
export function isJsonType(contentType: string | null): boolean {
  return /^application\/([a-z0-9!#$&^_.-]+\+)?json[\t ]*(;|$)/i.test(contentType ?? "");
}

/**
 * Reads a client's document. Members that are not named here are ignored: none of them could give
 * the client more than it has without them, and pictures from elsewhere are not shown.
 */
export function readClientDocument(
  client_id: string,
  bytes: Uint8Array,
): ClientDocument | DocumentProblem {
  const text = decodeUtf8(bytes);
  if (!text.ok) return { problem: "is not UTF-8" };
  const json = parseStrictJson(text.text, { maxDepth: MAX_DEPTH });
  if (!json.ok) return { problem: "is not JSON that every reader understands in the same way" };
  if (!isJsonObject(json.value)) return { problem: "is not a JSON object" };
  const document = new Map(Object.entries(json.value));
  // Whoever can put a file on a host could otherwise speak for another client.
  if (document.get("client_id") !== client_id) return { problem: "is of another client_id" };
  const secret = secretProblem(document);
  if (secret !== null) return { problem: secret };
  const name = document.get("client_name");
  if (typeof name !== "string" || name.trim() === "") return { problem: "has no client_name" };
  const uris = document.get("redirect_uris");
  if (!isTextList(uris) || uris.length === 0 || uris.length > MAX_REDIRECT_URIS) {
    return { problem: `does not list 1 to ${MAX_REDIRECT_URIS} redirect_uris` };
  }
  const redirect_uris = uris.filter(isAllowedRedirectUri);
  if (redirect_uris.length === 0) {
    return { problem: "names no redirect address to which an answer may go" };
  }
  return { name: nameOf(name), redirect_uris };
}

/** A client that proves itself by more than its addresses expects that somebody checks it. */
function secretProblem(document: ReadonlyMap<string, JsonValue>): string | null {
  if (document.has("client_secret")) return "holds a client_secret, which everybody can read";
  const method = document.get("token_endpoint_auth_method");
  if (method === undefined || method === "none") return null;
  if (method === "private_key_jwt") {
    return "asks for private_key_jwt, which this server does not check; it takes none";
  }
  return "asks for a token_endpoint_auth_method that a public client cannot have; none is taken";
}

function isTextList(value: JsonObject[string] | undefined): value is string[] {
  return Array.isArray(value) && value.every((element) => typeof element === "string");
}
