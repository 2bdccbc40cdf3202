import { z } from "zod";
import { type JsonValue, pointerToken } from "../../lib/base/json.ts";
import { parseStrictJson } from "../../lib/base/strict_json.ts";
import { decodeUtf8 } from "../../lib/base/text.ts";
import { type InputProblem, invalidRequest, Refusal } from "../../lib/refusal.ts";
import type { CoarseTimer } from "../../lib/store/system.ts";
import { SurfaceRefusal } from "./problem_document.ts";

/** Of a value of several forms whose member that says which one says none of them. */
interface UnlistedForm {
  readonly input: unknown;
  readonly discriminator: string;
  readonly options: readonly unknown[];
}

type Issue = z.core.$ZodRawIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
  null: "null",
};

/**
 * What is wrong with an input, in words that follow the name of its place; undefined where the
 * schema's own words serve.
 */
function inputWords(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? "is required"
        : `must be ${kindOf(issue.expected)}, not ${given(issue.input)}`;
    case "invalid_value":
      return issue.input === undefined ? "is required" : `must be ${oneOf(issue.values)}`;
    case "too_small":
      return bound("at least", issue.origin, issue.minimum);
    case "too_big":
      return bound("at most", issue.origin, issue.maximum);
    case "unrecognized_keys":
      return "is not known here";
    case "invalid_union":
      return isUnlisted(issue) ? unlisted(issue) : NO_FORM;
    default:
      return undefined;
  }
}

/** Of a value that may have several forms, and has none of them. */
const NO_FORM = "has none of the forms that are taken here";

const kindOf = (expected: string): string => KINDS[expected] ?? expected;

function isUnlisted(issue: object): issue is UnlistedForm {
  return "discriminator" in issue && "options" in issue && Array.isArray(issue.options);
}

/** What is wrong with the member that says which form a value has. */
function unlisted({ input, discriminator, options }: UnlistedForm): string {
  const form = (input as Readonly<Record<string, unknown>>)[discriminator];
  return form === undefined ? "is required" : `must be ${oneOf(options)}`;
}

/** The kind of a value, never the value: an answer repeats nothing that may be secret. */
function given(input: unknown): string {
  if (input === null) return "null";
  if (Array.isArray(input)) return "a list";
  if (typeof input === "number" && !Number.isInteger(input)) return "a fraction";
  return kindOf(typeof input);
}

function oneOf(values: readonly unknown[]): string {
  const named = values.map((value) => JSON.stringify(value));
  return named.length === 1 ? named.join() : `one of ${named.join(", ")}`;
}

function bound(side: "at least" | "at most", origin: string, limit: number | bigint): string {
  switch (origin) {
    case "string":
      return `must have ${side} ${limit} ${limit === 1 ? "character" : "characters"}`;
    case "array":
      return `must have ${side} ${limit} ${limit === 1 ? "item" : "items"}`;
    default:
      return `must be ${side} ${limit}`;
  }
}

/**
 * The JSON value of a body.
 * @throws {Refusal} malformed_json, duplicate_key, invalid_request
 */
export function parseBody(bytes: Uint8Array): JsonValue {
  const text = decodeUtf8(bytes);
  const parsed = text.ok ? parseStrictJson(text.text) : text;
  if (parsed.ok) return parsed.value;
  const { code, path, message } = parsed;
  if (code === "malformed_json") throw new Refusal(code, { message });
  throw new Refusal(code, { errors: [{ path, message }] });
}

/** Schemas by what they are made into. */
const COMPILED = new WeakMap<z.ZodType, z.ZodType>();

/**
 * A schema made into code at its first use, which reads a good value in a quarter of the time. Of any
 * other the schema itself says what is wrong with it.
 */
function compiled<T>(schema: z.ZodType<T>): z.ZodType<T> {
  let code = COMPILED.get(schema);
  if (code === undefined) COMPILED.set(schema, code = z.compile(schema));
  return code as z.ZodType<T>;
}

/** The value as a schema makes it. @throws {Refusal} invalid_request naming every problem */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = compiled(schema).safeParse(value, IN_WORDS);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => problemsOf(issue)).slice(0, 20);
  throw new Refusal("invalid_request", { errors });
}

/**
 * What is wrong, each with the place of the member itself: of one that nobody knows, its own; of a
 * value of several forms, what keeps it from the form that it is nearest to.
 */
function problemsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): InputProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: pointerOf([...path, key]), message: issue.message }));
  }
  if (issue.code === "invalid_union" && issue.message === NO_FORM) {
    const forms = issue.errors.map((form) => form.flatMap((inner) => problemsOf(inner, path)));
    const [nearest] = forms.sort((a, b) => a.length - b.length);
    if (nearest !== undefined) return nearest;
  }
  const { message } = issue.code === "invalid_key" ? issue.issues[0] ?? issue : issue;
  return [{ path: pointerOf(path), message }];
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => "/" + pointerToken(String(part))).join("");
}

/** The query of what takes none. */
const NO_QUERY = z.strictObject({});

/** Refuses a URL that has a query where none is taken. @throws {Refusal} invalid_request naming every name */
export function assertNoQuery(url: string): void {
  if (url.includes("?")) parseQuery(NO_QUERY, url);
}

/** The query of a URL as a schema makes it. @throws {Refusal} invalid_request naming every problem */
export function parseQuery<T>(schema: z.ZodType<T>, url: string): T {
  const query = queryOf(url);
  const parsed = compiled(schema).safeParse(query, IN_WORDS);
  const [issue] = parsed.error?.issues ?? [];
  if (issue?.code !== "unrecognized_keys") return parseInput(schema, query);
  throw new Refusal("invalid_request", {
    errors: issue.keys.slice(0, 20).map((name) => ({
      path: `/${pointerToken(name)}`,
      message: "is no parameter of this query",
    })),
  });
}

const IN_WORDS = { error: inputWords };

/**
 * The query of a URL as an object, each name once.
 * @throws {Refusal} invalid_request for a name given twice
 */
export function queryOf(url: string): Record<string, string> {
  const start = url.indexOf("?");
  const query: Record<string, string> = Object.create(null);
  if (start === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start))) {
    if (name in query) {
      throw invalidRequest(`/${pointerToken(name)}`, "is given twice in the query");
    }
    query[name] = value;
  }
  return query;
}

/** The idempotency key of a request, or null. @throws {Refusal} invalid_request for a bad one */
export function idempotencyKeyOf(headers: Headers): string | null {
  const key = headers.get("idempotency-key");
  if (key === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalidRequest(
      "",
      "needs an Idempotency-Key of 1 to 255 visible ASCII characters, no spaces",
    );
  }
  return key;
}

/**
 * The secret that a request presents, or null. Another scheme than Bearer is of somebody else: of a proxy
 * before us, say.
 * @throws {Refusal} invalid_request for two that differ: who looks at one of them would not see the other
 */
export function secretOf(headers: Headers): string | null {
  const key = headers.get("x-api-key");
  const authorization = headers.get("authorization");
  if (authorization === null || !/^bearer /i.test(authorization)) return key;
  const bearer = authorization.slice(7).trim();
  if (key === null || key === bearer) return bearer;
  throw invalidRequest(
    "",
    "presents two credentials that differ, one in X-API-Key and one in Authorization: send one",
  );
}

/** How large a body may be, and how long it may take to arrive. */
export interface BodyLimit {
  readonly bytes: number;
  readonly seconds: number;
}

/** What holds where a route says nothing else. */
export const USUAL_BODY: BodyLimit = { bytes: 256 * 1024, seconds: 10 };

/** A whole policy: for whoever holds a management key. */
export const POLICY_BODY: BodyLimit = { bytes: 16 * 1024 * 1024, seconds: 60 };

/** A document of an HTTP API, of at most 12 MiB, and what is around it. */
export const DOCUMENT_BODY: BodyLimit = { bytes: 12 * 1024 * 1024 + 64 * 1024, seconds: 60 };

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
  timer: CoarseTimer,
  limit = USUAL_BODY,
): Promise<Uint8Array> {
  // Asking for `request.body` builds a stream, which costs more than reading a small body whole.
  const length = request.headers.get("content-length");
  const stated = Number(length ?? "NaN");
  if (stated === 0 || (length === null && request.body === null)) return new Uint8Array(0);
  if (stated > limit.bytes) {
    throw new SurfaceRefusal("payload_too_large", { limit: limit.bytes });
  }
  try {
    // A stated length is one the server holds the peer to; without one the bytes are counted.
    const reading = Number.isNaN(stated) && request.body !== null
      ? readCounted(request.body, limit.bytes)
      : request.bytes();
    // One tick more: the one under way has begun before.
    return await timer.within(limit.seconds + 1, reading, () => tooSlow(limit));
  } catch (error) {
    if (error instanceof SurfaceRefusal) throw error;
    throw new Refusal("malformed_json", { message: "The body ended before it was complete." });
  }
}

function tooSlow({ seconds }: BodyLimit): SurfaceRefusal {
  return new SurfaceRefusal("request_timeout", { seconds });
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
