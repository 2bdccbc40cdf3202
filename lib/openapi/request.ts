import { fromBase64, joinBytes, toHex } from "../base/bytes.ts";
import { canonicalBytes } from "../base/canonical.ts";
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  memberOf,
  pointerToken,
} from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import { isDotSegment } from "../base/text.ts";
import type {
  HttpOperation,
  OperationParameter,
  PropertyEncoding,
} from "../store/records/operation.ts";
import {
  cookieText,
  formPairs,
  headerText,
  Names,
  type Pair,
  pathText,
  percentEncoded,
  queryPairs,
  Unwritable,
  wordOf,
} from "./styles.ts";

/**
 * The request that an operation and its arguments make: method, address, headers, body. Whatever the
 * arguments hold, it goes to the upstream's own origin, below the path of its URL, to the path of the
 * operation; each argument stays in its own segment, parameter, header or member. Pure, and runs in
 * the browser, where whoever approves is shown it.
 */

/** A request, without the credential. */
export interface OperationRequest {
  readonly method: HttpOperation["method"];
  /** Scheme, host, port and path, without a query. */
  readonly address: string;
  /** Percent-encoded, in order. */
  readonly query: readonly Pair[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null for none. */
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** An argument that cannot be written where it belongs; `path` points into the arguments. */
export interface UnwritableArgument {
  readonly path: string;
  readonly message: string;
}

/** Longest address, UTF-16 units: more than servers commonly read. */
const MAX_ADDRESS = 16 * 1024;

/** What answers an agent can read, in the order of their use. */
const ACCEPT = "application/json, text/*;q=0.8, */*;q=0.5";

/** The request; or which argument stands against it. Arguments are what the tool's schema says. */
export function requestOf(
  operation: HttpOperation,
  args: JsonObject,
  url: string,
): OperationRequest | UnwritableArgument {
  try {
    const { method, body } = operation;
    const address = addressOf(operation, args, url);
    const query = queryOf(operation, args);
    if (addressWith(address, query).length > MAX_ADDRESS) {
      throw new Misplaced("", `make an address of more than ${MAX_ADDRESS} characters`);
    }
    const given = body === null ? undefined : memberOf(args, body.argument);
    const written = body === null || given === undefined ? null : within(body.argument, () => {
      if (method === "POST" && isJsonObject(given)) Object.keys(given).forEach(assertNoMethod);
      return bodyOf(body, given);
    });
    const isBodiless = method === "GET" || method === "DELETE";
    return {
      method,
      address,
      query,
      headers: {
        accept: ACCEPT,
        ...headersOf(operation, args),
        ...(written === null ? {} : { "content-type": written.type }),
      },
      body: written?.bytes ?? (isBodiless ? null : new Uint8Array(0)),
    };
  } catch (error) {
    if (error instanceof Misplaced) return { path: error.path, message: error.message };
    throw error;
  }
}

/**
 * What frameworks take for the method of a request in place of its own (Laravel, Rails, WordPress), as
 * PHP writes names, too. What was decided about, and what rules speak of, is the operation's method.
 */
const OTHER_METHOD = /^\s*[_.[]method$/i;

function assertNoMethod(name: string): void {
  if (!OTHER_METHOD.test(name)) return;
  throw new Unwritable(
    "has _method in it, by which servers take another method than the operation's",
  );
}

/** An address with its query. */
export function addressWith(address: string, query: readonly Pair[]): string {
  if (query.length === 0) return address;
  return `${address}?${query.map(([name, value]) => `${name}=${value}`).join("&")}`;
}

class Misplaced extends Error {
  constructor(readonly path: string, message: string) {
    super(message);
  }
}

/** Names the argument that cannot be written. */
function within<T>(argument: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error;
    throw new Misplaced(`/${pointerToken(argument)}`, error.message);
  }
}

function addressOf({ path, parameters }: HttpOperation, args: JsonObject, url: string): string {
  const base = new URL(url);
  const byName = new Map(
    parameters.filter((one) => one.in === "path").map((one) => [one.name, one]),
  );
  const segments = path.split("/").slice(1).map((template) => segmentOf(template, byName, args));
  const address = `${base.origin}${base.pathname.replace(/\/$/, "")}/${segments.join("/")}`;
  // The last word has whoever sends it: what that would read otherwise is not sent at all.
  if (URL.parse(address)?.href !== address) throw new Misplaced("", "make no address");
  return address;
}

function segmentOf(
  template: string,
  parameters: ReadonlyMap<string, OperationParameter>,
  args: JsonObject,
): string {
  let first = "";
  const segment = template.replace(/\{([^{}]*)\}/g, (_whole, name: string) => {
    const parameter = parameters.get(name);
    const { argument = name } = parameter ?? {};
    if (first === "") first = argument;
    const value = memberOf(args, argument);
    return within(argument, () => {
      if (parameter === undefined || value === undefined || value === null) {
        throw new Unwritable("is a part of the path, and is missing");
      }
      // Beside others in its segment, too: what it is a part of would be something else without it.
      if (value === "" && (parameter.json || parameter.style === "simple")) {
        throw new Unwritable("is a part of the path, and is empty");
      }
      if (leavesSegment(wordOf(value))) {
        throw new Unwritable("is a part of the path, which would lead out of its place there");
      }
      return parameter.json
        ? percentEncoded(wordOf(value))
        : pathText({ ...parameter, name: percentEncoded(name) }, value);
    });
  });
  if (template === segment) return segment;
  return within(first, () => {
    // What begins with a semicolon is dropped by some servers, which then see nothing.
    if (/^;*$/.test(segment)) throw new Unwritable("is a part of the path, and is empty");
    if (leavesSegment(segment)) {
      throw new Unwritable("is a part of the path, which would lead out of its place there");
    }
    return segment;
  });
}

/** How often servers, and what stands before them, may decode a path. */
const DECODINGS = 3;

/**
 * Whether some server would read steps up or down the path in a part of it, or its end: also one that
 * decodes it several times, takes look-alikes for dots and slashes, or drops what follows a semicolon.
 */
function leavesSegment(text: string): boolean {
  let read = text;
  for (let times = 0; times <= DECODINGS; times++) {
    const plain = read.normalize("NFKC").replace(
      /[\u2024\u2215\u2044\u29f5\u29f8\ufe68]/g,
      (one) => one === "\u2024" ? "." : "/",
    );
    // deno-lint-ignore no-control-regex -- these are what is looked for
    if (/[\0-\x1f\x7f]/.test(plain)) return true;
    if (plain.split(/[/\\]/).some((part) => isDotSegment(part.split(";", 1)[0]!.trim()))) {
      return true;
    }
    const next = read.replace(/(?:%[0-9a-f]{2})+/gi, (coded) => decoded(coded));
    if (next === read) return false;
    read = next;
  }
  return false;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // No UTF-8: read as servers do that do not mind, over-long dots and slashes included.
    const short = text.replace(/%c0%ae/gi, ".").replace(/%c0%af/gi, "/");
    return short.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  }
}

function queryOf({ parameters }: HttpOperation, args: JsonObject): Pair[] {
  const pairs: Pair[] = [];
  const takenBy = new Map<string, string>();
  const all = parameters.filter((one) => one.in === "query");
  const names = new Names(all.map(({ name }) => name));
  for (const parameter of all) {
    const { argument, name } = parameter;
    const value = memberOf(args, argument);
    if (value === undefined) continue;
    within(argument, () => {
      const own: readonly Pair[] = parameter.json
        ? [[percentEncoded(name), percentEncoded(wordOf(value))]]
        : names.assertOwn(name, "document", queryPairs(parameter, value));
      for (const [key] of own) {
        assertNoMethod(decodeURIComponent(key));
        // Of two objects whose members are parameters: no member of one passes for one of the other.
        if ((takenBy.get(key) ?? argument) !== argument) {
          throw new Unwritable(`has a member that another argument has, too: ${key}`);
        }
        takenBy.set(key, argument);
      }
      pairs.push(...own);
    });
  }
  return pairs;
}

function headersOf({ parameters }: HttpOperation, args: JsonObject): Record<string, string> {
  const headers: [string, string][] = [];
  const cookies: string[] = [];
  for (const parameter of parameters) {
    const { argument, name, json } = parameter;
    const value: JsonValue | undefined = memberOf(args, argument);
    if (value === undefined || value === null) continue;
    if (parameter.in === "header") {
      const text = within(argument, () => headerText(parameter, json ? wordOf(value) : value));
      headers.push([name.toLowerCase(), text]);
    }
    if (parameter.in === "cookie") {
      const text = within(argument, () => cookieText(json ? wordOf(value) : value));
      cookies.push(`${name}=${text}`);
    }
  }
  if (cookies.length > 0) headers.push(["cookie", cookies.join("; ")]);
  return Object.fromEntries(headers);
}

interface WrittenBody {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function bodyOf(
  { media_type, encoding }: NonNullable<HttpOperation["body"]>,
  value: JsonValue,
): WrittenBody {
  switch (media_type) {
    case "application/x-www-form-urlencoded":
      return { type: media_type, bytes: formBody(value, encoding) };
    case "multipart/form-data":
      return multipartBody(value, encoding);
    case "text/plain":
      return { type: "text/plain; charset=utf-8", bytes: new TextEncoder().encode(wordOf(value)) };
    default:
      // In the one form that is digested, too: what was approved is what is sent.
      return { type: media_type, bytes: canonicalBytes(value) };
  }
}

type Encodings = Readonly<Record<string, PropertyEncoding>>;

function fieldsOf(value: JsonValue): [string, JsonValue][] {
  if (!isJsonObject(value)) throw new Unwritable("is the body, a form: it must be an object");
  return Object.entries(value).filter(([, member]) => member !== null);
}

function encodingOf(encodings: Encodings, name: string): PropertyEncoding {
  return Object.hasOwn(encodings, name) ? encodings[name]! : {};
}

/** A form as text (`application/x-www-form-urlencoded`). */
function formBody(value: JsonValue, encodings: Encodings): Uint8Array<ArrayBuffer> {
  const fields = fieldsOf(value);
  const names = new Names([...fields.map(([name]) => name), ...Object.keys(encodings)]);
  const pairs = fields.flatMap(([name, member]) => {
    const own = formPairs(name, member, encodingOf(encodings, name));
    return names.assertOwn(name, "value", own);
  });
  return new TextEncoder().encode(pairs.map(([name, one]) => `${name}=${one}`).join("&"));
}

interface Part {
  readonly name: string;
  /** Null for text, which is what a part without a type is. */
  readonly type: string | null;
  readonly isFile: boolean;
  readonly bytes: Uint8Array;
}

/**
 * A form in parts (RFC 7578). Members with a content type of bytes hold them as base64; the boundary
 * is of the contents' own digest, so that it stands in none of them.
 */
function multipartBody(
  value: JsonValue,
  encodings: Encodings,
): { type: string; bytes: Uint8Array<ArrayBuffer> } {
  const parts = fieldsOf(value).flatMap(([name, member]) => {
    const encoding = encodingOf(encodings, name);
    const values = Array.isArray(member) ? member.filter((one) => one !== null) : [member];
    return values.map((one) => partOf(name, one, encoding));
  });
  const digest = toHex(sha256(joinBytes(parts.map(({ bytes }) => bytes))));
  const boundary = `----countersign-${digest.slice(0, 40)}`;
  const encoder = new TextEncoder();
  const written = parts.flatMap(({ name, type, isFile, bytes }) => [
    encoder.encode(
      `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"` +
        (isFile ? `; filename="${quoted(name)}"` : "") +
        (type === null ? "" : `\r\ncontent-type: ${type}`) +
        "\r\n\r\n",
    ),
    bytes,
    encoder.encode("\r\n"),
  ]);
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    bytes: joinBytes([...written, encoder.encode(`--${boundary}--\r\n`)]),
  };
}

function partOf(name: string, value: JsonValue, { content_type }: PropertyEncoding): Part {
  if (content_type === undefined) {
    // What has parts is JSON, and says so: servers that read parts by their types find it (OpenAPI
    // 3.1, "Encoding Object").
    const type = typeof value === "object" && value !== null ? "application/json" : null;
    return { name, type, isFile: false, bytes: new TextEncoder().encode(wordOf(value)) };
  }
  const bytes = fromBase64(wordOf(value));
  if (bytes !== null) return { name, type: content_type, isFile: true, bytes };
  throw new Unwritable(`has a file, ${JSON.stringify(name)}, that is not base64 with padding`);
}

/** As forms of web pages write names, so that none ends its line or its quotes (HTML, 4.10.21.8). */
function quoted(name: string): string {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  if (/[\0-\x09\x0b\x0c\x0e-\x1f\x7f]/.test(name)) {
    throw new Unwritable("has a member whose name no part of a form can have");
  }
  return name.replace(/["\r\n]/g, (one) => encodeURIComponent(one));
}
