import type { CallToolResult } from "@modelcontextprotocol/server";
import type { JsonObject } from "../../lib/base/json.ts";
import type { AnsweredResult } from "../../lib/upstreams/port.ts";
import type { MessagePart } from "./rewritten.ts";

type Texts = AnsweredResult["rest"];

/** What of a result leaves as the bytes that came. */
type RawParts = Pick<AnsweredResult, "content" | "structured_content" | "is_error"> & {
  /** Its other members, and those of its `_meta`. */
  readonly rest?: Texts | undefined;
  readonly meta?: Texts | undefined;
};

/** Members of `_meta` that are between two parties of the protocol, and not of the next (`mcp/`, 2026-07-28). */
const RESERVED = /^([^/]+\.)?(modelcontextprotocol|mcp)(\.[^/]*)?\/|^countersign\//;

/** Which era its upstream speaks is between the upstream and us. */
const ERA = "resultType";

const OPEN_BRACE = 0x7b;

/**
 * Results of upstreams on their way to the client. The protocol's library reads what it sends: of
 * numbers it keeps what a double holds, and blocks of a kind that it does not know it refuses. It is
 * given something to stand for each part, in whose place the bytes of that then go.
 */
export class RawResults {
  readonly #held = new Map<string, Uint8Array>();

  constructor(
    /** Random bytes: what stands in for a result no upstream can guess. */
    readonly random: (bytes: number) => Uint8Array,
    /** Whether its client takes structured content of objects only, as before 2026-07-28. */
    readonly objectsOnly: boolean,
  ) {}

  /** A result as the library is given it. */
  standIn(parts: RawParts): CallToolResult {
    const { content, structured_content: structured, is_error, rest, meta } = parts;
    const isLeftOut = structured === null || (this.objectsOnly && structured[0] !== OPEN_BRACE);
    const kept = [...meta ?? []].filter(([name]) => !RESERVED.test(name));
    const result: CallToolResult = {
      ...this.#members([...rest ?? []].filter(([name]) => name !== ERA)),
      ...(kept.length === 0 ? {} : { _meta: this.#members(kept) }),
      content: this.#stands([{ type: "text" as const, text: this.#name() }], content),
    };
    if (is_error) result.isError = true;
    if (isLeftOut) return result;
    return { ...result, structuredContent: this.#stands({ is: this.#name() }, structured) };
  }

  /** A message with what it stands for in its place, in parts of which no copy is made. */
  readonly inPlace = (message: string): MessagePart[] => {
    const places = [...this.#held].flatMap(([standIn, raw]) => {
      const at = message.indexOf(standIn);
      return at < 0 ? [] : [{ at, end: at + standIn.length, raw }];
    }).toSorted((a, b) => a.at - b.at);
    const parts: MessagePart[] = [];
    let from = 0;
    for (const { at, end, raw } of places) {
      parts.push(message.slice(from, at), raw);
      from = end;
    }
    return [...parts, message.slice(from)];
  };

  #members(texts: Iterable<readonly [string, Uint8Array]>): JsonObject {
    return Object.fromEntries(
      Array.from(texts, ([name, text]) => [name, this.#stands(this.#name(), text)]),
    );
  }

  /** Has bytes stand where a value does. */
  #stands<T>(value: T, raw: Uint8Array): T {
    this.#held.set(JSON.stringify(value), raw);
    return value;
  }

  #name(): string {
    return `result ${this.random(16).toHex()}`;
  }
}
