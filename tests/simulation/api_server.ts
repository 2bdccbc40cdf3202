import type { JsonObject } from "../../lib/base/json.ts";
import { definitionDigest } from "../../lib/gateway/definition.ts";
import { readDocument } from "../../lib/openapi/document.ts";
import type { Chance } from "./chance.ts";
import type { FaultName } from "./faults.ts";
import type { Offering } from "./offering.ts";
import type { Ran } from "./tool_server.ts";
import type { Said, Server, WireRequest } from "./wires.ts";

/** By which method each operation is asked. */
export const API_METHODS = { look: "GET", post: "POST", wipe: "DELETE" } as const;

export type Operation = keyof typeof API_METHODS;

/** More than any result may have. */
const HUGE = "x".repeat(1_200_000);

/**
 * An HTTP API: of each version of an operation it has a path of its own, so that what arrives says by
 * which definition it was made. It is busy, and lies: it says that it failed although it ran, leads
 * on to somewhere else, answers twice, too much, or nonsense.
 */
export class HttpApiServer implements Server {
  constructor(
    readonly name: string,
    readonly chance: Chance,
    readonly strikes: (name: FaultName) => boolean,
    readonly ran: (run: Omit<Ran, "definition">, version: string) => void,
  ) {}

  answer({ method, path }: WireRequest): Said {
    const takes = this.chance.between(1, 400);
    if (this.strikes("host_busy")) {
      return { status: 429, headers: { "retry-after": "1" }, body: "", takes };
    }
    const url = new URL(path, "https://api.example.com");
    const [, version = "", operation = ""] = url.pathname.split("/");
    const n = url.searchParams.get("n") ?? "";
    const tool = `${this.name}/${operation}`;
    this.ran({ tool, arguments: { n }, method }, `${operation} ${version}`);
    const answer: NonNullable<Said> = {
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ n }),
      takes,
    };
    if (!this.strikes("host_lies")) return answer;
    const lies = { failed: 2, broken: 2, redirect: 2, twice: 3, nonsense: 1, huge: 1 };
    switch (this.chance.weighted(lies)) {
      case "failed":
        return { ...answer, status: this.chance.pick([400, 404, 409]) };
      case "broken":
        return { ...answer, status: this.chance.pick([500, 502]) };
      case "redirect": {
        const status = this.chance.pick([301, 302, 307, 308]);
        return { ...answer, status, headers: { location: path } };
      }
      case "twice": {
        // As if to a request that nobody has made yet.
        const body = JSON.stringify({ n: "other" });
        const second = `HTTP/1.1 200 Whatever\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
        return { ...answer, behind: second };
      }
      case "nonsense":
        return { ...answer, body: `{${n}` };
      case "huge":
        return { ...answer, body: HUGE };
    }
  }
}

/** The document of an API whose operations are those of an offering. */
export function documentOf(offering: Offering): JsonObject {
  const paths: JsonObject = {};
  for (const [name, { version }] of offering.offered) {
    const operation = {
      operationId: name,
      parameters: [{ name: "n", in: "query", required: true, schema: { type: "string" } }],
    };
    paths[`/v${version}/${name}`] = { [API_METHODS[name as Operation].toLowerCase()]: operation };
  }
  return { openapi: "3.1.0", info: { title: "Simulated", version: "1" }, paths };
}

/** By what each operation of a document is approved, where the API is at this address. */
export async function digestsOf(document: JsonObject, url: string): Promise<Map<string, string>> {
  const read = await readDocument(document, () => Promise.resolve());
  if (typeof read === "string") throw new Error(`The document ${read}.`);
  const place = { kind: "openapi", url, headers: {}, credential: null } as const;
  return new Map(
    read.operations.map(({ name, definition }) => [name, definitionDigest(place, definition)]),
  );
}
