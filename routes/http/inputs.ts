import type { z } from "zod";
import { decodeUtf8 } from "../../lib/json/decode_utf8.ts";
import { pointerToken } from "../../lib/json/json_pointer.ts";
import type { JsonValue } from "../../lib/json/json_value.ts";
import { parseStrictJson } from "../../lib/json/parse_strict.ts";
import { invalidRequest, Refusal } from "../../lib/refusal.ts";
import { inputWords } from "../input_words.ts";

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

/** The value as a schema makes it. @throws {Refusal} invalid_request naming every problem */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value, IN_WORDS);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, 20).map(({ path, message }) => ({
    path: path.map((part) => "/" + pointerToken(String(part))).join(""),
    message,
  }));
  throw new Refusal("invalid_request", { errors });
}

/** The query of a URL as a schema makes it. @throws {Refusal} invalid_request naming every problem */
export function parseQuery<T>(schema: z.ZodType<T>, url: string): T {
  const query = queryOf(url);
  const parsed = schema.safeParse(query, IN_WORDS);
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

/** The secret that a request presents, or null. */
export function secretOf(headers: Headers): string | null {
  const key = headers.get("x-api-key");
  if (key !== null) return key;
  const bearer = headers.get("authorization");
  return bearer !== null && /^bearer /i.test(bearer) ? bearer.slice(7).trim() : null;
}
