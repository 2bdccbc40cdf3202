import { z } from "zod";
import { toolName } from "../fields/action.ts";

/** Pages below /tools that are no tool's. */
const TAKEN: ReadonlySet<string> = new Set(["new", "discovered", "categories"]);

/**
 * The address of a tool's page. A tool may be called like one of the other pages there: behind a
 * `~`, which no name has, it keeps one of its own, so that nobody hides a tool by its name.
 */
export function toolPath(name: string): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return TAKEN.has(name) ? `/tools/~${path}` : `/tools/${path}`;
}

/** The name of a tool in the address of its page. */
export const toolInPath = z.string().transform((text) => text.replace(/^~/, "")).pipe(toolName);
