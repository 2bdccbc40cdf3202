import { canonicalBytes } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { externalIdProblem, isDotSegment, visibleLine } from "../base/text.ts";
import { parameterHeaderProblem } from "./parameter_headers.ts";
import type { Listed, ListedTool, NotListed } from "./port.ts";

/**
 * The tools that an upstream says it has: which of them can be taken as they are. Names are what
 * people go by, so none is taken that looks like another, or like a path.
 */

/** Most pages that a list has. */
export const MAX_PAGES = 20;

/** Most bytes of all pages of a list. */
export const MAX_LIST_BYTES = 8 * 1024 * 1024;

const MAX_TOOLS = 1000;

const MAX_NAME = 128;

const MAX_DEFINITION_BYTES = 48 * 1024;

/** After so many tools others get their turn. */
const AT_ONCE = 20;

/**
 * The tools of all pages, in their order; of two with one name the first counts.
 * @param turn gives others their turn
 */
export async function readTools(
  pages: readonly JsonObject[],
  turn: () => Promise<void>,
): Promise<Pick<Listed, "tools" | "refused"> | NotListed> {
  const rows: JsonValue[] = [];
  for (const page of pages) {
    const tools = memberOf(page, "tools");
    if (!Array.isArray(tools)) {
      return { is: "not_listed", why: "malformed", says: "Its answer has no list of tools." };
    }
    rows.push(...tools);
    if (rows.length > MAX_TOOLS) {
      return { is: "not_listed", why: "too_large", says: `It has more than ${MAX_TOOLS} tools.` };
    }
  }
  const tools = new Map<string, ListedTool>();
  const refused: { name: string; why: string }[] = [];
  for (const [at, row] of rows.entries()) {
    if (at > 0 && at % AT_ONCE === 0) await turn();
    const name = memberOf(row, "name");
    if (!isJsonObject(row) || typeof name !== "string") {
      refused.push({ name: `tool ${at + 1}`, why: "has no name" });
      continue;
    }
    const why = tools.has(name)
      ? "has the name of another tool before it"
      : nameProblem(name) ?? definitionProblem(row);
    if (why === null) tools.set(name, { name, definition: row });
    else refused.push({ name: visibleLine(name.slice(0, 1000).toWellFormed(), MAX_NAME), why });
  }
  return { tools: [...tools.values()], refused };
}

function nameProblem(name: string): string | null {
  if (name === "") return "has an empty name";
  if ([...name].length > MAX_NAME) return `has a name of more than ${MAX_NAME} characters`;
  if (externalIdProblem(name) !== null) return "has a name with characters that cannot be seen";
  const isPath = name.split(/[/\\]/).some((part) => part === "" || isDotSegment(part));
  return isPath || name.includes("\\") ? "has a name like a path" : null;
}

function definitionProblem(definition: JsonObject): string | null {
  const schema = memberOf(definition, "inputSchema");
  if (!isJsonObject(schema)) return "has no inputSchema that is an object";
  try {
    const bytes = canonicalBytes(definition).length;
    if (bytes > MAX_DEFINITION_BYTES) {
      return `has a definition of ${bytes} bytes, at most ${MAX_DEFINITION_BYTES} are taken`;
    }
  } catch {
    return "has a definition with text that is no Unicode, or numbers that are none";
  }
  return parameterHeaderProblem(schema);
}
