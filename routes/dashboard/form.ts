import { z } from "zod";
import {
  countedAs,
  type CountedIn,
  countedWords,
  DURATION_UNITS,
  type DurationUnit,
  OTHER_DURATION,
} from "../../components/duration.tsx";
import type { JsonValue } from "../../lib/base/json.ts";
import { parseStrictJson } from "../../lib/base/strict_json.ts";
import { decodeUtf8 } from "../../lib/base/text.ts";
import { invalidRequest, Refusal } from "../../lib/refusal.ts";
import type { FormValues } from "./page.ts";

/**
 * Fields of forms, which arrive as lists of strings. Each gives what the schema of the API takes, so
 * that a form and a route are held to the same rules.
 */

const MISSING = "must not be empty";

/** A field that has one value, empty or not. */
export function text<T extends z.ZodType<unknown, string>>(schema: T) {
  return z.array(z.string()).max(1, "is given twice").default(() => [""])
    .transform(([value = ""]) => value.trim()).pipe(schema);
}

/** The same with its white space: a note, a reason, anything that is signed as it was typed. */
export function verbatim<T extends z.ZodType<unknown, string>>(schema: T) {
  return z.array(z.string()).max(1, "is given twice").default(() => [""])
    .transform(([value = ""]) => value).pipe(schema);
}

/** A field that may be left empty: then null. */
export function optional<T extends z.ZodType<unknown, string>>(schema: T) {
  return text(
    z.string().transform((value, context) => {
      if (value === "") return null;
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      for (const { message } of parsed.error.issues) context.addIssue({ code: "custom", message });
      return z.NEVER;
    }),
  );
}

/** A box that is ticked or not; an unticked one sends nothing. */
export const checkbox = z.array(z.string()).default(() => []).transform((values) =>
  values.length > 0
);

/** The ticked ones of several boxes, or of a list. */
export function several<T extends z.ZodType<unknown, string>>(schema: T) {
  return z.array(schema).default(() => []);
}

/** One value a line, or separated by commas; white space around each and empty ones do not count. */
export function lines<T extends z.ZodType<unknown, string>>(schema: T) {
  return text(
    z.string().transform((value) =>
      value.split(/[\n,]/).map((line) => line.trim()).filter((line) => line !== "")
    ).pipe(z.array(schema)),
  );
}

/** A whole number, as the given schema bounds it. */
export function whole<T extends z.ZodType<unknown, number>>(schema: T) {
  return text(z.string().min(1, MISSING).regex(/^-?[0-9]{1,15}$/, "must be a whole number"))
    .transform(Number).pipe(schema);
}

/** A whole number, or null when left empty. */
export function optionalWhole<T extends z.ZodType<unknown, number>>(schema: T) {
  return optional(
    z.string().regex(/^-?[0-9]{1,15}$/, "must be a whole number").transform(Number).pipe(schema),
  );
}

/** A span of time as `DurationField` sends it, or one number of what it is counted in. */
export function duration(schema: z.ZodNumber, countedIn: CountedIn = "seconds") {
  return optionalDuration(schema, countedIn).transform((span, context) => {
    if (span !== null) return span;
    context.addIssue({ code: "custom", message: MISSING });
    return z.NEVER;
  });
}

/** The same, or null where none is chosen. */
export function optionalDuration(schema: z.ZodNumber, countedIn: CountedIn = "seconds") {
  return z.array(z.string()).max(3, "is given twice").default(() => [""])
    .transform(([choice = "", count = "", unit = countedIn], context): number | null => {
      const isOther = choice === OTHER_DURATION;
      const typed = (isOther ? count : choice).trim();
      if (typed === "" && !isOther) return null;
      const span = isOther && isUnit(unit)
        ? countedAs(Number(typed), unit, countedIn)
        : Number(typed);
      const message = /^[0-9]{1,9}$/.test(typed) && (!isOther || isUnit(unit))
        ? spanProblem(schema, span, countedIn)
        : "must be a whole number with its unit";
      if (message === null) return span;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    });
}

function isUnit(text: string): text is DurationUnit {
  return Object.hasOwn(DURATION_UNITS, text);
}

/** What is wrong with a span, in the units of people; null where nothing is. */
function spanProblem(schema: z.ZodNumber, span: number, countedIn: CountedIn): string | null {
  if (schema.safeParse(span).success) return null;
  const { minValue: min, maxValue: max } = schema;
  if (min !== null && span < min) return `must be at least ${countedWords(min, countedIn)}`;
  if (max !== null && span > max) return `must be at most ${countedWords(max, countedIn)}`;
  return `must be a whole number of ${countedIn}`;
}

/** A time as `datetime-local` and people write it, in UTC; null when left empty. */
export const optionalTime = optional(
  z.string().transform((value, context) => {
    const full = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z?$/.test(value)
      ? value.replace(/Z?$/, "Z")
      : /^\d{4}-\d\d-\d\d$/.test(value)
      ? `${value}T00:00Z`
      : "";
    const at = Date.parse(full);
    if (!Number.isNaN(at)) return at;
    context.addIssue({ code: "custom", message: "must be a time such as 2027-01-31T12:00 (UTC)" });
    return z.NEVER;
  }),
);

/** JSON as somebody typed it, under the rules of every body; null when left empty. */
export function optionalJson<T extends z.ZodType<unknown, JsonValue>>(schema: T) {
  return optional(
    z.string().transform((value, context): JsonValue => {
      const decoded = decodeUtf8(new TextEncoder().encode(value));
      const parsed = decoded.ok ? parseStrictJson(decoded.text) : decoded;
      if (parsed.ok) return parsed.value;
      context.addIssue({ code: "custom", message: `isn't JSON: ${parsed.message}` });
      return z.NEVER;
    }).pipe(schema),
  );
}

/** The media type of a form. */
export const FORM = "application/x-www-form-urlencoded";

/** More fields than any form of ours has, the lists of a large one included. */
const MAX_FIELDS = 2000;

/** Whether a body says that it is a form. */
export function isForm(headers: Headers): boolean {
  return headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === FORM;
}

/**
 * The fields of a form as a browser sends it; each name with all its values in order.
 * @throws {Refusal} invalid_request for another media type, malformed UTF-8 or too many fields
 */
export function formValues(headers: Headers, bytes: Uint8Array): FormValues {
  if (!isForm(headers)) throw invalidRequest("", `must be sent as ${FORM}`);
  const text = decodeUtf8(bytes);
  if (!text.ok) {
    throw new Refusal("malformed_json", { message: "The form is in another encoding than UTF-8." });
  }
  const values: Record<string, string[]> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(text.text)) {
    if (++count > MAX_FIELDS) throw invalidRequest("", `has more than ${MAX_FIELDS} fields`);
    // Browsers send line ends as CR LF (HTML standard, "Constructing the entry list").
    (values[name] ??= []).push(value.replaceAll("\r\n", "\n"));
  }
  return values;
}

/**
 * The fields of a form that may have files in it, a file as its text (RFC 7578).
 * @throws {Refusal} as `formValues` does
 */
export async function fileValues(
  headers: Headers,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<FormValues> {
  const type = headers.get("content-type") ?? "";
  if (!/^multipart\/form-data;/i.test(type)) return formValues(headers, bytes);
  const values: Record<string, string[]> = Object.create(null);
  let fields: FormData;
  try {
    fields = await new Response(bytes, { headers: { "content-type": type } }).formData();
  } catch {
    throw invalidRequest("", "is no form that can be read");
  }
  let count = 0;
  for (const [name, value] of fields) {
    if (++count > MAX_FIELDS) throw invalidRequest("", `has more than ${MAX_FIELDS} fields`);
    (values[name] ??= []).push(typeof value === "string" ? value : await value.text());
  }
  return values;
}
