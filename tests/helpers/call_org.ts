import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { ApprovalOrg } from "./approval_org.ts";
import type { FixtureOptions, Got, TestOrg } from "./countersign.ts";
import { assertEventsOfLog, hearEverything } from "./outbox.ts";
import { listedTool, ScriptedUpstreams } from "./scripted_upstreams.ts";
import { type StoredEntry, verifiedLog } from "./stored_log.ts";

/** What runs without asking, and what people approve. */
export const READ = "notes/read";
export const WIPE = "notes/wipe";

const SCHEMA = {
  inputSchema: { type: "object", properties: { id: { type: "string" } } },
};

const TOOLS = ["read", "wipe"];

/** The same two as a server lists them. */
export const OFFERED: readonly JsonObject[] = TOOLS.map((name) => ({ name, ...SCHEMA }));

/** An org whose upstream `notes` offers two tools, both approved, and whose approver is Ann. */
export class CallOrg implements AsyncDisposable {
  private constructor(readonly it: ApprovalOrg, readonly upstreams: ScriptedUpstreams) {}

  static async start(options: FixtureOptions = {}): Promise<CallOrg> {
    const upstreams = new ScriptedUpstreams();
    upstreams.tools = TOOLS.map((name) => listedTool(name, SCHEMA));
    const it = await ApprovalOrg.start({ ...options, deps: { upstreams, ...options.deps } });
    return await new CallOrg(it, upstreams).named({});
  }

  /** The same with a server over real HTTP as the upstream, which offers `OFFERED`. */
  static async at(
    { url, host }: { readonly url: string; readonly host: string },
    options: FixtureOptions = {},
  ): Promise<CallOrg> {
    const variables = { COUNTERSIGN_PRIVATE_HOSTS: host };
    const it = await ApprovalOrg.start({ ...options, variables });
    return await new CallOrg(it, new ScriptedUpstreams()).named({ url });
  }

  /** Without an upstream yet: `named` gives it one. */
  static async started(options: FixtureOptions): Promise<CallOrg> {
    return new CallOrg(await ApprovalOrg.start(options), new ScriptedUpstreams());
  }

  /** Names the upstream and approves its tools. */
  async named(fields: JsonObject): Promise<CallOrg> {
    await this.org.signedIn("owner");
    await hearEverything(this.org);
    await this.put(fields);
    await this.approve();
    return this;
  }

  get org(): TestOrg {
    return this.it.org;
  }

  async put(fields: JsonObject = {}): Promise<void> {
    const body = { kind: "mcp", url: "https://notes.example.com/mcp", ...fields };
    const got = await this.org.manage("PUT", "/v1/upstreams/notes", body);
    assert.ok(got.status < 300, got.text);
  }

  /** Approves both tools for what they are by now. */
  async approve(): Promise<void> {
    const { body } = await this.org.get("/v1/upstreams/notes/tools");
    const tools = (body.data as JsonObject[]).map(({ name, definition_digest }) => ({
      name,
      definition_digest,
      ...(name === READ
        ? { default_permission: "allowed", annotations: { read_only: true, destructive: false } }
        : {}),
    }));
    const got = await this.org.manage("POST", "/v1/upstreams/notes/approve", { tools });
    assert.equal(got.status, 200, got.text);
  }

  call(tool: string, fields: JsonObject = {}, key = this.org.standard): Promise<Got> {
    return this.org.post("/v1/calls", { tool_name: tool, ...fields }, key);
  }

  read(id: string, key = this.org.standard): Promise<Got> {
    return this.org.get(`/v1/calls/${id}`, key);
  }

  /** Has Ann approve what a pending call waits for. */
  async yes({ body }: Got): Promise<void> {
    const got = await this.it.decide(body.approval.id, "approve");
    assert.equal(got.status, 200, got.text);
  }

  /** How often something was sent. */
  get sent(): number {
    return this.upstreams.received.length;
  }

  /** The log, held against the verifier and the events. */
  async log(): Promise<StoredEntry[]> {
    const { deps } = this.it.countersign.services;
    await assertEventsOfLog(deps.kv, this.org.id);
    return await verifiedLog(deps, this.org.id);
  }

  /** The types of the entries about calls, the oldest first. */
  async told(): Promise<string[]> {
    const types = (await this.log()).map(({ entry }) => entry.type);
    return types.filter((type) => /^(permission|token|execution|approval)\./.test(type));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.it[Symbol.asyncDispose]();
  }
}
