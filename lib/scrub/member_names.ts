import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import { isPhoneName } from "./phone_context.ts";
import { passwordFlags } from "./secret_command.ts";
import { secretKindOf } from "./secret_names.ts";
import { isSecretValue, looksEncoded } from "./secret_value.ts";

/** What is known of a value from where it stands in a JSON value. */
export interface ValuePlace {
  /** The name that the value goes by; "" for none. */
  readonly name: string;
  /** Text that a command line has before the value, and that says what the value is. */
  readonly lead: string;
}

/** Members of pairs, as in the environment of a container: `{"name": …, "value": …}`. */
const NAME_MEMBERS = [
  "name",
  "key",
  "k",
  "field",
  "header",
  "variable",
  "var",
  "param",
  "parameter",
];

const VALUE_MEMBERS: ReadonlySet<string> = new Set(
  "value val v values".split(" "),
);

/** More words are a title: {"name": "Rotate the API key", "value": 3}. */
const SHORT_NAME = /^\S{1,60}(?: \S{1,30})?$/;

/** A flag or a name, and not a value that ends like one. */
const WORDS = /^-{0,2}\p{L}[\p{L}_. -]*$/u;

const USER_FLAGS: ReadonlySet<string> = new Set(["-u", "-U", "--user", "--proxy-user"]);

function pairName(value: JsonObject): string | null {
  for (const [member, name] of Object.entries(value)) {
    const isName = typeof name === "string" && NAME_MEMBERS.includes(member.toLowerCase());
    if (!isName || !SHORT_NAME.test(name)) continue;
    if (secretKindOf(name) !== null || isPhoneName(name)) return name;
  }
  return null;
}

/** A secret in a list that is named for them, `"tokens": […]`, and not the name of one. */
function isSecretOf(plural: string, value: string): boolean {
  const kind = /s$/i.test(plural) ? secretKindOf(plural.slice(0, -1)) : null;
  return kind !== null && isSecretValue(value, kind === "code" ? kind : "token", "likely");
}

/** Where an element of a list stands: after a flag, after the name of a header, or in a pair. */
function elementPlace(list: readonly JsonValue[], at: number, outer: string): ValuePlace {
  const [first, before, value] = [list[0], list[at - 1], list[at]];
  const isOneOfMany = typeof value === "string" && isSecretOf(outer, value);
  const plain = { name: isOneOfMany ? outer.slice(0, -1) : outer, lead: "" };
  if (typeof value !== "string" || typeof before !== "string") return plain;
  const flags = typeof first === "string" ? passwordFlags(first, list.slice(1, 9).join(" ")) : [];
  if (value.startsWith("-")) {
    const isGlued = flags.some((flag) => value.startsWith(flag) && value.length > flag.length);
    return isGlued ? { name: outer, lead: `${first} ` } : plain;
  }
  if (USER_FLAGS.has(before)) return { name: outer, lead: `${before} ` };
  if (flags.includes(before)) return { name: "password", lead: "" };
  const kind = WORDS.test(before) ? secretKindOf(before) : null;
  const isNamed = kind !== null && kind !== "opaque" && kind !== "vague" &&
    (before.startsWith("-") || list.length === 2 || looksEncoded(value));
  return isNamed ? { name: before, lead: "" } : plain;
}

/**
 * Where the member `key` of a JSON array or object stands. Members go by their own name, or by the
 * one that stands beside them; the elements of an array go by the name of the array, or by the flag
 * or name before them.
 */
export function valuePlaces(
  value: JsonObject | readonly JsonValue[],
  outer: string,
): (key: string) => ValuePlace {
  if (!isJsonObject(value)) return (key) => elementPlace(value, Number(key), outer);
  // {"token": {"value": …}} too.
  const pair = pairName(value) ?? (secretKindOf(outer) === null ? null : outer);
  return (key) => ({
    name: pair !== null && VALUE_MEMBERS.has(key.toLowerCase()) ? pair : key,
    lead: "",
  });
}
