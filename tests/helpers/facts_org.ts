import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { CallOrg, READ } from "./call_org.ts";
import type { Got, TestOrg } from "./countersign.ts";
import { McpClient } from "./mcp_client.ts";
import { UpstreamServer } from "./upstream_server.ts";

/** Where the facts of `READ` stand in its arguments. */
export const FACTS = { tenant: "/customer", resource: "/at/host", method: "/verb" };

const PROPERTIES: JsonObject = {
  customer: {},
  at: { type: "object", properties: { host: {}, port: { type: "integer" } } },
  verb: {},
  note: { type: "string" },
};

/**
 * An org whose upstream `notes` is a server over real HTTP. Its `read` takes a customer, a host and a verb
 * as it pleases and runs without asking; an owner has a passkey.
 */
export class FactsOrg implements AsyncDisposable {
  private constructor(
    readonly calls: CallOrg,
    readonly server: UpstreamServer,
    /** What its upstream offers. */
    readonly tools: JsonObject[],
  ) {}

  static async start(facts: JsonObject | null = FACTS): Promise<FactsOrg> {
    const inputSchema = { type: "object", properties: PROPERTIES };
    const tools: JsonObject[] = [{ name: "read", inputSchema }];
    const server = new UpstreamServer({ era: "modern", tools });
    const it = new FactsOrg(await CallOrg.at(server), server, tools);
    if (facts !== null) assert.equal((await it.patch({ facts })).status, 200);
    return it;
  }

  get org(): TestOrg {
    return this.calls.org;
  }

  /** How often the tool ran. */
  get ran(): number {
    return this.server.ran;
  }

  patch(fields: JsonObject): Promise<Got> {
    return this.org.manage("PATCH", `/v1/tools/${READ}`, fields);
  }

  /** Writes a rule. */
  async rule(selector: JsonObject, permission: string): Promise<void> {
    const got = await this.org.manage("PUT", "/v1/rules", { selector, permission });
    assert.equal(got.status, 201, got.text);
  }

  call(args: JsonObject, fields: JsonObject = {}, key = this.org.standard): Promise<Got> {
    return this.org.post("/v1/calls", { tool_name: READ, arguments: args, ...fields }, key);
  }

  check(args: JsonObject, fields: JsonObject = {}, key = this.org.standard): Promise<Got> {
    const body = { tool_name: READ, arguments: args, ...fields };
    return this.org.post("/v1/permissions/check", body, key);
  }

  /** A host at the gateway, over real HTTP. */
  host(key: string): Promise<McpClient> {
    return McpClient.connect(this.calls.it.countersign.origin, key, "modern", "/mcp/gateway");
  }

  /** What entries of a kind say the action was, the oldest first. */
  async told(type: string): Promise<unknown[]> {
    const log = await this.calls.log();
    return log.filter(({ entry }) => entry.type === type).map(({ entry: { subject } }) => {
      const { tenant, resource, method } = subject;
      return { tenant, resource, method };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.calls[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
