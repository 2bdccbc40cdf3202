import type { CallToolResult } from "@modelcontextprotocol/server";
import { isJsonObject, type JsonObject } from "../../lib/json/json_value.ts";
import type { AnyRefusal } from "../../lib/refusal.ts";
import { problemOf, type SurfaceRefusal } from "../http/problem_document.ts";
import { PROBLEMS } from "../http/problems.ts";
import { REFUSAL_NEXT } from "./refusal.ts";

/** What came of a call, with what to do next. */
export function toolResult(data: JsonObject, next: string): CallToolResult {
  return result({ ...data, next }, next);
}

/** A refusal as a result: the words of the API, and a next step that a model can take. */
export function refusalResult(refusal: AnyRefusal | SurfaceRefusal, id: string): CallToolResult {
  const { code, data } = refusal;
  // The document's own members are for HTTP: what is left is what this refusal is about.
  const {
    type: _type,
    title: _title,
    status: _status,
    instance: _instance,
    next: hints,
    ...about
  } = problemOf(refusal, { path: "/mcp", id }).body;
  const say = REFUSAL_NEXT[code] as string | ((data: unknown) => string) | null;
  const next = typeof say === "function" ? say(data) : say ?? PROBLEMS[code].advice;
  const seconds = isJsonObject(hints) ? hints.retry_after_seconds : undefined;
  const structuredContent = {
    ...about,
    ...(seconds === undefined ? {} : { retry_after_seconds: seconds }),
    next,
  };
  return { ...result(structuredContent, `${about.detail} ${next}`), isError: true };
}

/** The words first, and the rest again for hosts that show their model text only. */
function result(structuredContent: JsonObject, text: string): CallToolResult {
  return {
    content: [
      { type: "text", text },
      { type: "text", text: JSON.stringify(structuredContent) },
    ],
    structuredContent,
  };
}
