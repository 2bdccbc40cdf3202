import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { type SeenUpstream, toolCounts, type UpstreamFields } from "../../lib/gateway/upstreams.ts";
import type { Settings } from "../../lib/services.ts";
import { jsonObject } from "../../lib/store/records/policy.ts";
import type { UpstreamCredential } from "../../lib/store/records/vault.ts";
import { keptUrl, ownUrl } from "../../lib/vault/grant.ts";
import { UPSTREAM_STATUSES } from "../../lib/store/records/upstream.ts";
import { seconds } from "./catalog.ts";
import { headerName } from "./credential.ts";
import { timeText } from "./machine.ts";

/** Upstreams on the wire. */

export const upstreamName = z.string().regex(
  /^[a-z0-9][a-z0-9-]{0,31}$/,
  "has 1 to 32 small letters, digits and hyphens, and does not begin with a hyphen",
).describe("Name of the upstream");

const MIB = 1024 * 1024;

const headerField = z.record(
  headerName,
  z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/, "must be printable ASCII"),
)
  .refine((headers) => Object.keys(headers).length <= 16, "has at most 16 headers")
  .refine(
    (headers) =>
      new Set(folded(headers).map(([name]) => name)).size === Object.keys(headers).length,
    "names a header twice; case does not count",
  )
  .transform((headers) => Object.fromEntries(folded(headers)));

function folded(headers: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
}

/** What is said of an upstream of every kind. */
const common = {
  headers: headerField.default({}).describe("Sent with each request; not for secrets"),
  credential: z.strictObject({
    mode: z.enum(["org", "member"]).default("org").describe(
      "`org`: every call carries the one that is named. `member`: each carries the own credential of " +
        "the member behind its caller",
    ),
    credential_id: z.string().min(1).max(64).exactOptional().describe(
      "One of the organization. In mode `member`: with which the upstream is asked for its tools; " +
        "without one it is asked with that of a member",
    ),
  }).transform(({ mode, credential_id }, context): UpstreamCredential => {
    if (mode === "member") return credential_id === undefined ? { mode } : { mode, credential_id };
    if (credential_id !== undefined) return { mode, credential_id };
    context.addIssue({ code: "custom", path: ["credential_id"], message: "is needed in mode org" });
    return z.NEVER;
  }).nullable().default(null)
    .describe("What requests carry; it has to be of the origin of the address"),
  timeout_seconds: seconds(1, 300, "How long a call may take").default(60),
  max_result_bytes: z.int().min(1024).max(8 * MIB).default(MIB)
    .describe("Most bytes of a result"),
  status: z.enum(UPSTREAM_STATUSES).default("active"),
};

export const mcpBody = z.strictObject({
  kind: z.literal("mcp"),
  url: z.string().min(1).max(2048).describe("Where its MCP endpoint is"),
  ...common,
});

/** Most names that are picked, and most bytes of them: they stand in the upstream's own record. */
const PICKED = { names: 1000, bytes: 40_000 } as const;

/** The operations of a document that are offered. */
export const pickedOperations = z.array(z.string().min(1).max(128)).max(PICKED.names)
  .refine(
    (names) => new TextEncoder().encode(names.join("")).length <= PICKED.bytes,
    `are more than ${PICKED.bytes} bytes of names; leave them out to have all`,
  );

export const openapiBody = z.strictObject({
  kind: z.literal("openapi"),
  document: jsonObject.exactOptional()
    .describe("OpenAPI 3.0 or 3.1, as JSON, of at most 12 MiB; without one it stays as it is"),
  base_url: z.string().min(1).max(2048).exactOptional()
    .describe("What its paths are below; without one the first server that the document names"),
  operations: pickedOperations.exactOptional()
    .describe("Names of the operations that are offered; without it all"),
  ...common,
});

export const upstreamBody = z.discriminatedUnion("kind", [mcpBody, openapiBody], {
  error: ({ input }) =>
    isJsonObject(input) && input.kind === undefined
      ? "is required: mcp for a server by its URL, openapi for an HTTP API by its document"
      : "must be mcp or openapi: programs of this host are named in a file of the host alone",
});

/** An MCP server by its URL, and what is usual. */
export function usualUpstream(url: string): UpstreamFields {
  return mcpBody.parse({ kind: "mcp", url });
}

export const upstreamAnswer = z.object({
  name: z.string(),
  kind: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  timeout_seconds: z.int(),
  max_result_bytes: z.int(),
  status: z.enum(UPSTREAM_STATUSES),
  protocol: z.object({
    era: z.enum(["modern", "legacy"]),
    version: z.string(),
    server: z.object({ name: z.string(), version: z.string() }).nullable(),
  }).nullable().describe("Null while it was never asked, and of kind openapi"),
  tools: z.object({
    listed: z.int(),
    draft: z.int(),
    approved: z.int(),
    changed: z.array(z.string()).describe("Approved once, and defined in another way since"),
    refused: z.array(z.object({ name: z.string(), why: z.string() })),
  }),
  not_passed_on: z.array(z.enum(["resources", "prompts"]))
    .describe("What of a server does not go through here: its tools alone do"),
  credential: z.object({
    mode: z.enum(["org", "member"]),
    credential_id: z.string().optional(),
    state: z.enum(["ready", "needs_reconnect", "missing"])
      .describe("In mode `member`: whether any member has one that is good"),
    connect_url: z.string().optional()
      .describe("Of one that is not ready: where a person puts that right"),
  }).nullable().describe("What requests carry, and whether it is there"),
  last_error: z.object({ why: z.string(), says: z.string(), at: z.iso.datetime() }).nullable(),
  listed_at: z.iso.datetime().nullable(),
  document: z.object({
    title: z.string(),
    version: z.string(),
    operations: z.int().describe("How many can be taken"),
    at: z.iso.datetime().describe("When it was given"),
  }).nullable().describe("Of kind openapi"),
  operations: z.array(z.string()).nullable().describe("Those that were picked; null for all"),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

/** The wire form of an upstream. */
export function renderUpstream(seen: SeenUpstream, settings: Pick<Settings, "url">): JsonObject {
  const { record, state, credential } = seen;
  const { generation: _generation, created_at, updated_at, headers, ...others } = record;
  const { document, operations, edition: _edition, ...rest } = others;
  const error = state?.last_error ?? null;
  const listed_at = state?.listed_at ?? null;
  return {
    ...rest,
    headers: { ...headers },
    protocol: state?.protocol ?? null,
    tools: toolCounts(seen),
    not_passed_on: record.kind === "openapi" ? [] : ["resources", "prompts"],
    document: document === undefined ? null : {
      title: document.title,
      version: document.version,
      operations: document.operations,
      at: timeText(document.at),
    },
    operations: operations === undefined ? null : [...operations],
    credential: record.credential === null ? null : {
      ...record.credential,
      state: credential,
      ...(credential === "ready"
        ? {}
        : { connect_url: whereToConnect(record.credential, settings) }),
    },
    last_error: error === null ? null : { ...error, at: timeText(error.at) },
    listed_at: listed_at === null ? null : timeText(listed_at),
    created_at: timeText(created_at),
    updated_at: timeText(updated_at),
  };
}

/** Where a person sees to it that there is a credential that is good. */
function whereToConnect(
  { mode, credential_id }: UpstreamCredential,
  settings: Pick<Settings, "url">,
): string {
  if (credential_id !== undefined) return keptUrl(settings, credential_id);
  return mode === "member" ? ownUrl(settings) : settings.url.origin;
}
