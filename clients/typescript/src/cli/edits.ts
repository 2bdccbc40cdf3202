import { isDeepStrictEqual } from "node:util";
import { Failed } from "./exit.ts";

/** Edits of configuration files, which leave everything else in them as it is. */

type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON object of a file. @throws {Failed} with what to put there by hand */
export function jsonOf(path: string, text: string | null, wanted: unknown): Json {
  if (text === null || text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Comments, for one, which would be lost.
  }
  throw new Failed(
    `${path} is no plain JSON object, and is left alone. Put this in by hand: ${
      JSON.stringify(wanted)
    }`,
  );
}

/** JSON in the manner of the text that it replaces: its indent, and whether its last line ends. */
function written(value: Json, before: string | null): string {
  const [, indent = "  "] = /^[{[][ \t]*\r?\n([ \t]+)/.exec(before ?? "") ?? [];
  const text = JSON.stringify(value, null, indent);
  return before !== null && before !== "" && !before.endsWith("\n") ? text : `${text}\n`;
}

/** A file of JSON with one member of one of its objects set. */
export function withMember(
  path: string,
  before: string | null,
  [name, key]: readonly [string, string],
  value: Json,
): string {
  const all = jsonOf(path, before, { [name]: { [key]: value } });
  const { [name]: part = {} } = all;
  if (!isObject(part)) throw new Failed(`${name} in ${path} is no object: mend it, and try again`);
  if (isDeepStrictEqual(part[key], value) && before !== null) return before;
  return written({ ...all, [name]: { ...part, [key]: value } }, before);
}

/** A file of JSON with an item in a list, in place of what is one of its kind already. */
export function withItem(
  path: string,
  before: string | null,
  names: readonly string[],
  item: Json,
  is: (other: unknown) => boolean,
): string {
  const within = (value: unknown, [name, ...rest]: readonly string[]): unknown => {
    if (name === undefined) {
      const list = value ?? [];
      if (!Array.isArray(list)) {
        throw new Failed(`${names.join(".")} in ${path} is no list: mend it`);
      }
      return [...list.filter((other) => !is(other)), item];
    }
    const object = value ?? {};
    if (!isObject(object)) throw new Failed(`${names.join(".")} in ${path} is no object: mend it`);
    return { ...object, [name]: within(object[name], rest) };
  };
  const all = jsonOf(path, before, within({}, names));
  const next = within(all, names) as Json;
  return isDeepStrictEqual(next, all) && before !== null ? before : written(next, before);
}

/**
 * A file of TOML with a table in it: its own of that name with other rows, else at the end, where a
 * table is right whatever stands before, unless something defines its name in another way.
 */
export function withTable(
  path: string,
  before: string | null,
  header: string,
  rows: readonly string[],
): string {
  const text = before ?? "";
  const table = `${[header, ...rows].join("\n")}\n`;
  const name = header.replace(/[[\]]/g, "");
  const byHand = new Failed(`${path} has ${name} in another form. Make it this:\n${table}`);
  const [top = ""] = name.split(".");
  if (new RegExp(`^[ \\t]*"?${top}"?[ \\t]*[.=]`, "m").test(text)) throw byHand;
  const [found, ...more] = header.startsWith("[[") ? [] : tablesOf(text, header);
  if (found !== undefined) {
    if (more.length > 0 || !isPlain(found.rows)) throw byHand;
    const end = found.start + found.text.length;
    const blank = /\s*$/.exec(found.text)?.[0].replace(/^\r?\n/, "") ?? "";
    return `${text.slice(0, found.start)}${table}${blank}${text.slice(end)}`;
  }
  const gap = text === "" ? "" : text.endsWith("\n") ? "\n" : "\n\n";
  return `${text}${gap}${table}`;
}

interface Table {
  readonly start: number;
  readonly text: string;
  readonly rows: readonly string[];
}

/** Tables of that header, each to where the next begins. */
function tablesOf(text: string, header: string): Table[] {
  const escaped = header.replace(/[[\].]/g, "\\$&");
  const found = new RegExp(`^[ \\t]*${escaped}[ \\t\\r]*(?:\\n(?![ \\t]*\\[)[^\\n]*)*\\n?`, "gm");
  return [...text.matchAll(found)].map((match) => ({
    start: match.index,
    text: match[0],
    rows: match[0].split("\n").slice(1),
  }));
}

/** Whether rows can be replaced without a reader of TOML: a text each, and nothing else. */
function isPlain(rows: readonly string[]): boolean {
  return rows.every((row) => /^\s*([A-Za-z_]+[ \t]*=[ \t]*"[^"\\]*"\s*)?$/.test(row));
}
