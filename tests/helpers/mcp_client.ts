import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { makeSecret, secretHash } from "../../lib/identity/credentials.ts";
import * as keys from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import {
  type AccessTokenRecord,
  type AccountGrant,
  type GrantRecord,
  type Scope,
} from "../../lib/store/records/oauth.ts";
import { systemRandom } from "../../lib/store/system.ts";
import type { Countersign, TestOrg } from "./countersign.ts";

/** The two eras of the protocol. */
export const ERAS = ["modern", "legacy"] as const;
export type Era = (typeof ERAS)[number];

const REVISION = "2026-07-28";

/** What a tool answered, as its client sees it. */
export interface Said {
  // deno-lint-ignore no-explicit-any -- tests look at results member by member
  readonly data: any;
  /** The words of the first block. */
  readonly text: string;
  readonly isError: boolean;
}

/** A client of the official library, connected with a bearer token. */
export class McpClient implements AsyncDisposable {
  private constructor(readonly client: Client) {}

  static async connect(
    origin: string,
    token: string,
    era: Era = "modern",
    path = "/mcp",
  ): Promise<McpClient> {
    const mode = era === "modern" ? { pin: REVISION } : "legacy";
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode } },
    );
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${origin}${path}`), {
        requestInit: { headers: { authorization: `Bearer ${token}` } },
      }),
    );
    // A client checks results by the schemas that it has listed.
    await client.listTools();
    return new McpClient(client);
  }

  async call(
    name: string,
    args: JsonObject = {},
    options: Parameters<Client["callTool"]>[1] = {},
  ): Promise<Said> {
    const result = await this.client.callTool({ name, arguments: args }, options);
    const { content, structuredContent, isError = false } = result;
    const [first, second] = content;
    assert.ok(first?.type === "text" && second?.type === "text", JSON.stringify(content));
    assert.deepEqual(
      JSON.parse(second.text),
      structuredContent,
      "text says what the structure says",
    );
    return { data: structuredContent, text: first.text, isError };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** An answer of the endpoint to a request made by hand. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The messages that came, in a stream or alone; empty when it is none of the protocol. */
  // deno-lint-ignore no-explicit-any -- tests look at answers member by member
  readonly messages: any[];
  readonly text: string;
}

/** A request of the newest revision, made by hand. */
export async function rawCall(
  countersign: Countersign,
  method: string,
  params: JsonObject = {},
  { token, headers = {}, capabilities = {}, signal, path }: {
    readonly token?: string;
    /** The endpoint; `/mcp` when absent. */
    readonly path?: string;
    readonly headers?: Record<string, string>;
    readonly capabilities?: JsonObject;
    readonly signal?: AbortSignal;
  } = {},
): Promise<RawAnswer> {
  const named = params.name ?? params.uri ?? params.taskId;
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
  };
  return await rawPost(
    countersign,
    JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }),
    {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      "mcp-protocol-version": REVISION,
      "mcp-method": method,
      ...(typeof named === "string" ? { "mcp-name": named } : {}),
      ...headers,
    },
    signal,
    path,
  );
}

/** A call of a tool, made by hand. */
export function rawTool(
  countersign: Countersign,
  token: string,
  name: string,
  args: JsonObject = {},
): Promise<RawAnswer> {
  return rawCall(countersign, "tools/call", { name, arguments: args }, { token });
}

/** Posts a body to the endpoint. */
export async function rawPost(
  countersign: Countersign,
  body: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
  path = "/mcp",
): Promise<RawAnswer> {
  const response = await fetch(`${countersign.origin}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body,
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const messages = type.startsWith("text/event-stream")
    ? text.split("\n").filter((line) => line.startsWith("data: ")).map((line) =>
      JSON.parse(line.slice(6))
    )
    : type.startsWith("application/json")
    ? [JSON.parse(text)]
    : [];
  return { status: response.status, headers: response.headers, messages, text };
}

/** What a raw call of a tool answered. */
// deno-lint-ignore no-explicit-any -- tests look at results member by member
export function resultOf({ messages }: RawAnswer): any {
  return messages.at(-1)?.result;
}

/** What a tool answers to a program, and whether it calls that an error. */
export async function said(
  countersign: Countersign,
  token: string,
  name: string,
  args: JsonObject = {},
  // deno-lint-ignore no-explicit-any -- tests look at answers member by member
): Promise<any> {
  const answer = await rawTool(countersign, token, name, args);
  assert.equal(answer.status, 200, answer.text);
  const { structuredContent, isError } = resultOf(answer);
  return { ...structuredContent, isError: isError === true };
}

/** A consent that was given, made without the pages. */
export interface TestGrant {
  readonly id: string;
  readonly account: string;
  /** An access token of it. */
  readonly token: string;
  /** The member behind it, by org. */
  readonly members: ReadonlyMap<string, MemberRecord>;
}

/** Lets a client act for one new person in these orgs, with a role in each. */
export async function grantIn(
  orgs: readonly (readonly [TestOrg, MemberRecord["role"]])[],
  scopes: readonly Scope[] = ["mcp:read", "mcp:write"],
  path = "/mcp",
): Promise<TestGrant> {
  const { countersign } = orgs[0]?.[0] ?? assert.fail("a consent is for an org at least");
  const { services, clock } = countersign;
  const id = services.ids.make("grt", clock.now);
  const account = services.ids.make("acc", clock.now);
  const token = makeSecret("access_token", systemRandom);
  const client = {
    client_id: "ocl_test",
    client_name: "Some host",
    client_kind: "registered" as const,
    verified: false,
    scopes: [...scopes],
  };
  const members = new Map<string, MemberRecord>();
  for (const [org, role] of orgs) {
    const email = `${account.slice(-8)}@example.com`;
    const member = await org.member(email, { role, account, has_passkey: true });
    members.set(org.id, member);
    await org.transact((transaction) => {
      const record: GrantRecord = {
        id,
        account,
        member: member.id,
        ...client,
        created_at: transaction.at,
      };
      transaction.setPolicy(keys.grantKey(org.id, id), record);
    });
  }
  const grant: AccountGrant = {
    id,
    account,
    ...client,
    orgs: orgs.map(([org]) => org.id),
    resource: `${countersign.origin}${path}`,
    created_at: clock.now,
    expires_at: clock.now + 30 * 24 * 3600_000,
  };
  const access: AccessTokenRecord = {
    grant: id,
    account,
    client_id: client.client_id,
    scopes: [...scopes],
    expires_at: clock.now + 3600_000,
  };
  const { kv } = services.deps;
  await kv.set(keys.accountGrantKey(account, id), grant);
  await kv.set(keys.accessTokenKey(secretHash(token)), access);
  return { id, account, token, members };
}
