import { decodeUtf8 } from "../lib/json/decode_utf8.ts";
import { invalidRequest, Refusal } from "../lib/refusal.ts";
import type { FormValues } from "./dashboard/page.ts";

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
  if (!text.ok) throw new Refusal("malformed_json", { message: "The form is not UTF-8." });
  const values: Record<string, string[]> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(text.text)) {
    if (++count > MAX_FIELDS) throw invalidRequest("", `has more than ${MAX_FIELDS} fields`);
    // Browsers send line ends as CR LF (HTML standard, "Constructing the entry list").
    (values[name] ??= []).push(value.replaceAll("\r\n", "\n"));
  }
  return values;
}
