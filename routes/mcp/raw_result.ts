import type { CallToolResult } from "@modelcontextprotocol/server";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import type { AnsweredResult } from "../../lib/upstreams/port.ts";

/** What of a result leaves as the bytes that came. */
type RawParts = Pick<AnsweredResult, "content" | "structured_content" | "is_error">;

/** Members of `_meta` that are between two parties of the protocol, and not of the next (`mcp/`, 2026-07-28). */
const RESERVED = /^([^/]+\.)?(modelcontextprotocol|mcp)(\.[^/]*)?\/|^countersign\//;

/**
 * Results of upstreams on their way to the client. The protocol's library reads what it sends: of
 * numbers it keeps what a double holds, and blocks of a kind that it does not know it refuses. It is
 * given something to stand for content and structured content, in whose place their bytes then go.
 */
export class RawResults {
  readonly #held = new Map<string, string>();

  constructor(
    /** Random bytes: what stands in for a result no upstream can guess. */
    readonly random: (bytes: number) => Uint8Array,
    /** Whether its client takes structured content of objects only, as before 2026-07-28. */
    readonly objectsOnly: boolean,
  ) {}

  /**
   * A result as the library is given it.
   * @param more of the result besides, as values
   */
  standIn(parts: RawParts, more: JsonObject = {}): CallToolResult {
    const structured = parts.structured_content === null ? null : lineOf(parts.structured_content);
    const isLeftOut = structured === null || (this.objectsOnly && !structured.startsWith("{"));
    const content = [{ type: "text" as const, text: this.#name() }];
    this.#held.set(JSON.stringify(content), lineOf(parts.content));
    const result: CallToolResult = { ...metaOf(more), content };
    if (parts.is_error) result.isError = true;
    if (isLeftOut) return result;
    const structuredContent = { is: this.#name() };
    this.#held.set(JSON.stringify(structuredContent), structured);
    return { ...result, structuredContent };
  }

  /** A message with what it stands for in its place. */
  readonly inPlace = (message: string): string => {
    let text = message;
    for (const [standIn, raw] of this.#held) {
      const at = text.indexOf(standIn);
      if (at >= 0) text = text.slice(0, at) + raw + text.slice(at + standIn.length);
    }
    return text;
  };

  #name(): string {
    return `result ${this.random(16).toHex()}`;
  }
}

/** JSON on one line: line ends stand in it between values alone (RFC 8259 section 7). */
function lineOf(json: Uint8Array): string {
  return new TextDecoder().decode(json).replace(/[\r\n]/g, " ");
}

/** What of a result is meant for whoever gets it. */
function metaOf(more: JsonObject): JsonObject {
  const { _meta, ...rest } = more;
  if (!isJsonObject(_meta)) return rest;
  const kept = Object.entries(_meta).filter(([name]) => !RESERVED.test(name));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}
