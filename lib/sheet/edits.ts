import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { isLong } from "./value_lines.ts";

/**
 * The members of an object as people read them: in which order, and which two of them are the text
 * before an edit and the text after it. It decides nothing, and the digest does not depend on it.
 */

/** Names by which tools call what is replaced and what is put there. */
const PAIRS = [
  ["old_text", "new_text"],
  ["oldText", "newText"],
  ["old_string", "new_string"],
  ["oldString", "newString"],
  ["old_str", "new_str"],
  ["before", "after"],
  ["search", "replace"],
] as const;

/** Names by which tools call the file that they work on. */
const PATHS = ["path", "file_path", "filePath", "filepath", "file", "file_name", "filename", "uri"];

/** A moment or a number: `before` and `after` of those are a range, and no edit. */
const RANGE_END = /^[\d:.,TZ+-]*$/;

/** What an edit replaces, and by what. */
export interface Edit {
  /** The members' names, as sent. */
  readonly names: readonly [string, string];
  readonly before: string;
  readonly after: string;
}

/** The edit that two members of an object are; null where it has none. */
export function editIn(object: JsonObject): Edit | null {
  for (const names of PAIRS) {
    const [before, after] = names.map((name) => memberOf(object, name));
    if (typeof before !== "string" || typeof after !== "string") continue;
    if (names[0] === "before" && RANGE_END.test(before) && RANGE_END.test(after)) continue;
    return { names, before, after };
  }
  return null;
}

/** The edits of a list in which each element is an edit and nothing else; else null. */
export function editsIn(list: readonly JsonValue[]): Edit[] | null {
  const edits = list.map((element) =>
    isJsonObject(element) && Object.keys(element).length === 2 ? editIn(element) : null
  );
  return edits.length > 0 && edits.every((edit) => edit !== null) ? edits : null;
}

/** The file that an object says it is about, if it says so in one line; else null. */
export function pathIn(object: JsonObject): string | null {
  for (const name of PATHS) {
    const path = memberOf(object, name);
    if (typeof path === "string" && path !== "" && !path.includes("\n")) return path;
  }
  return null;
}

/** A member of an object, or the two that are an edit. */
export type ReadMember =
  | { readonly kind: "member"; readonly name: string; readonly value: JsonValue }
  | { readonly kind: "edit"; readonly edit: Edit };

/**
 * All members of an object in the order in which they are read: those that the schema names, in its
 * order, then the others as they were received; of those, short ones before long ones. An edit
 * stands where the first of its two members would.
 *
 * @param named the members' names as the schema lists them
 */
export function readMembers(object: JsonObject, named: readonly string[]): ReadMember[] {
  const edit = editIn(object);
  const names = new Set([...named, ...Object.keys(object)]);
  const members: ReadMember[] = [];
  for (const name of names) {
    const value = memberOf(object, name);
    if (value === undefined) continue;
    if (edit === null || !edit.names.includes(name)) members.push({ kind: "member", name, value });
    else if (!members.some(({ kind }) => kind === "edit")) members.push({ kind: "edit", edit });
  }
  const isLast = (member: ReadMember) =>
    member.kind === "edit" ? isLong(member.edit.before, member.edit.after) : isLong(member.value);
  const last = members.filter(isLast);
  return last.length === 0 ? members : [...members.filter((one) => !last.includes(one)), ...last];
}
