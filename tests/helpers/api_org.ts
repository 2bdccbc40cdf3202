import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApiServer, NOTES } from "./api_server.ts";
import { ApprovalOrg } from "./approval_org.ts";
import type { FixtureOptions, Got, TestOrg } from "./countersign.ts";

/** An org whose upstream `notes` is an HTTP API, known by its document. */
export class ApiOrg implements AsyncDisposable {
  private constructor(readonly it: ApprovalOrg, readonly api: ApiServer) {}

  static async start(document = NOTES, options: FixtureOptions = {}): Promise<ApiOrg> {
    const api = new ApiServer();
    const variables = { COUNTERSIGN_PRIVATE_HOSTS: api.host };
    const made = new ApiOrg(await ApprovalOrg.start({ ...options, variables }), api);
    await made.put({ document });
    return made;
  }

  get org(): TestOrg {
    return this.it.org;
  }

  async put(fields: JsonObject): Promise<Got> {
    const body = { kind: "openapi", base_url: `${this.api.origin}/v1`, ...fields };
    const got = await this.org.manage("PUT", "/v1/upstreams/notes", body);
    assert.ok(got.status < 300, got.text);
    return got;
  }

  async tools(): Promise<JsonObject[]> {
    return (await this.org.get("/v1/upstreams/notes/tools")).body.data;
  }

  /** Approves tools, each for what it is by now. */
  async approve(names: readonly string[], fields: JsonObject): Promise<void> {
    const tools = (await this.tools()).filter(({ name }) => names.includes(String(name)))
      .map(({ name, definition_digest }) => ({
        name: name!,
        definition_digest: definition_digest!,
        ...fields,
      }));
    const got = await this.org.manage("POST", "/v1/upstreams/notes/approve", { tools });
    assert.equal(got.status, 200, got.text);
  }

  call(tool: string, args: JsonObject, fields: JsonObject = {}): Promise<Got> {
    return this.org.post("/v1/calls", { tool_name: `notes/${tool}`, arguments: args, ...fields });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}
