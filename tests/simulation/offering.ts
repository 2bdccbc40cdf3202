import { definitionDigest } from "../../lib/gateway/definition.ts";
import type { JsonObject } from "../../lib/base/json.ts";

/** A tool as its server defines it now. */
export interface Defined {
  /** How often it was defined otherwise. */
  readonly version: number;
  /** Since when, milliseconds of the world's time. */
  readonly since: number;
}

/** What a server offers at some time. */
export interface Offers {
  readonly upstream: string;
  /** Milliseconds of the world's time. */
  readonly at: number;
  /** By what each tool of it is taken. */
  readonly digests: ReadonlyMap<string, string>;
}

/** What a server of others offers: tools that are defined otherwise, go and come back. */
export class Offering {
  readonly #tools = new Map<string, Defined>();
  /** Those that it takes back now and then. */
  readonly #gone = new Map<string, Defined>();

  /** Told of each change. */
  changed: () => void = () => {};

  constructor(readonly names: readonly string[], readonly now: () => number) {
    for (const name of names) this.#tools.set(name, { version: 0, since: now() });
  }

  /** How a tool is defined; null for one that is not offered. */
  of(name: string): Defined | null {
    return this.#tools.get(name) ?? null;
  }

  get offered(): ReadonlyMap<string, Defined> {
    return this.#tools;
  }

  /** Defines it otherwise; one that was gone comes back by it. */
  change(name: string): void {
    const version = (this.#tools.get(name) ?? this.#gone.get(name))?.version ?? 0;
    this.#gone.delete(name);
    this.#tools.set(name, { version: version + 1, since: this.now() });
    this.changed();
  }

  /** Defines it as it was before. */
  undo(name: string): void {
    const defined = this.#tools.get(name);
    if (defined === undefined || defined.version === 0) return;
    this.#tools.set(name, { version: defined.version - 1, since: this.now() });
    this.changed();
  }

  withdraw(name: string): void {
    const defined = this.#tools.get(name);
    if (defined === undefined) return;
    this.#tools.delete(name);
    this.#gone.set(name, defined);
    this.changed();
  }
}

/** A tool as an MCP server lists it: each second version has another description alone. */
export function toolDefinition(name: string, { version }: Defined): JsonObject {
  const properties: JsonObject = { n: { type: "string" } };
  if (version > 1) properties[`v${version >> 1}`] = { type: "string" };
  return {
    name,
    description: version % 2 === 0 ? `Does ${name}` : `Does ${name}, and more`,
    inputSchema: { type: "object", properties },
  };
}

/** By what a definition of an MCP server at this address is approved. */
export function toolDigest(url: string, name: string, defined: Defined): string {
  const place = { kind: "mcp", url, headers: {}, credential: null } as const;
  return definitionDigest(place, toolDefinition(name, defined));
}
