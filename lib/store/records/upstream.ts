import { z } from "zod";
import { upstreamCredential } from "./vault.ts";

/** Records of upstreams: where they are is policy, what was seen of them is not. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

export const UPSTREAM_STATUSES = ["active", "paused"] as const;

/** MCP servers, by HTTP or as programs of this host, and HTTP APIs by a document of OpenAPI. */
export const UPSTREAM_KINDS = ["mcp", "mcp_stdio", "openapi"] as const;

/** The document of an HTTP API, whose operations lie in pieces under its id. */
const upstreamDocument = z.object({
  id: z.string(),
  /** Its own words for itself, of one line. */
  title: z.string(),
  version: z.string(),
  /** How many operations it has that can be taken. */
  operations: z.number().int().nonnegative(),
  pieces: z.number().int().nonnegative(),
  /** When it was given. */
  at: timestamp,
});

export type UpstreamDocument = z.infer<typeof upstreamDocument>;

/** A server whose tools run through here. */
export const upstreamRecord = z.object({
  name: z.string(),
  kind: z.enum(UPSTREAM_KINDS),
  url: z.string(),
  /** Sent with each request: in lower case, and no secrets. */
  headers: z.record(z.string(), z.string()),
  /** What its calls carry; null for nothing. Records of before there was a vault have none. */
  credential: upstreamCredential.nullable().default(null),
  timeout_seconds: z.number().int(),
  max_result_bytes: z.number().int(),
  status: z.enum(UPSTREAM_STATUSES),
  /** Of an HTTP API. */
  document: upstreamDocument.exactOptional(),
  /** The names of the operations of it that are offered; absent for all. */
  operations: z.array(z.string()).exactOptional(),
  /** The policy version since which it says what it says: what it offers is known by nothing else. */
  edition: z.number().int().nonnegative().exactOptional(),
  /**
   * The policy version since which it is where it is. A tool that was approved before is a tool of
   * somewhere else; no two upstreams ever have the same.
   */
  generation: z.number().int().nonnegative(),
  created_at: timestamp,
  updated_at: timestamp,
});

export type UpstreamRecord = z.infer<typeof upstreamRecord>;

const refusedTool = z.object({ name: z.string(), why: z.string() });

export type RefusedTool = z.infer<typeof refusedTool>;

/** What was last seen of an upstream. */
export const upstreamState = z.object({
  protocol: z.object({
    era: z.enum(["modern", "legacy"]),
    version: z.string(),
    server: z.object({ name: z.string(), version: z.string() }).nullable(),
  }).nullable(),
  /** How many tools it listed, those that were refused among them. */
  listed: z.number().int().nonnegative(),
  /** When it was last asked for its tools and told them; null for never. */
  listed_at: timestamp.nullable(),
  /** The first hundred of the tools that cannot be taken. */
  refused: z.array(refusedTool),
  last_error: z.object({ why: z.string(), says: z.string(), at: timestamp }).nullable(),
  /** Of an HTTP API: the edition of its record that the catalog follows. */
  followed: z.number().int().nonnegative().exactOptional(),
  /** When it is asked again by itself. Due work of another time is of an upstream before. */
  refresh_at: timestamp,
});

export type UpstreamState = z.infer<typeof upstreamState>;

/** A whole definition of a tool, in JCS form: larger than a value may be as text of two bytes. */
export const toolDefinition = z.object({ definition: bytes });

/** A definition in RFC 8785 form, as it is stored and digested. */
export interface DefinitionTexts {
  readonly definition: string;
  /** Of its `inputSchema`. */
  readonly schema: string;
}

/** Some of the operations of a document, as JSON: definitions of tools, and those that cannot be taken. */
export const documentPiece = z.object({ operations: bytes });
