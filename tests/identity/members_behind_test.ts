import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { agentKey, apiKeyKey, approvalKey, type StoreKey } from "../../lib/store/keys.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";
import { grantIn, rawTool, resultOf } from "../helpers/mcp_client.ts";
import { projectText, sourceFiles } from "../helpers/project_files.ts";
import { assertProblem } from "../helpers/refused.ts";
import { WebDecider } from "./web_decider.ts";

/** Whoever came to know a secret answers for what is asked with it. */

const MANAGEMENT = "cs_mgmt_" + "a-key-of-the-operators-own-choosing-1234";
const SECRET = /cs_(?:live|mgmt|agent)_[0-9a-z]+/;
/** What the forms of new machines send when nobody touches them. */
const NEW = {
  name: "machine",
  tenant_ids: "",
  trust_tier: "0",
  expires_at: "",
  rate_limit_per_minute: "",
};

/** An org where nobody decides what they answer for, with three people who could decide. */
class Separated implements AsyncDisposable {
  private constructor(
    readonly it: DecisionOrg,
    readonly ann: WebDecider,
    readonly bea: WebDecider,
    /** Answers for nothing. */
    readonly cay: WebDecider,
  ) {}

  static async start(): Promise<Separated> {
    const it = await DecisionOrg.start();
    await it.settings({ separation_of_duties: true });
    const [ann, bea, cay] = [
      await WebDecider.of(it, "owner"),
      await WebDecider.of(it, "owner"),
      await WebDecider.of(it, "owner"),
    ];
    return new Separated(it, ann, bea, cay);
  }

  /** A management key that a member made on the dashboard. */
  managementOf(member: WebDecider): Promise<string> {
    return this.made(member, "/api-keys", "create", { ...NEW, tier: "management" });
  }

  /** The secret that a form of the dashboard shows. */
  async made(
    { web }: WebDecider,
    path: string,
    form: string,
    fields: Record<string, string>,
  ): Promise<string> {
    const { text } = await web.send(path, form, fields);
    return SECRET.exec(text)?.[0] ?? assert.fail(text);
  }

  /** The secret that the API answers with. */
  async answered(path: string, key: string, body?: unknown): Promise<string> {
    const got = await this.it.org.post(path, body, key);
    assert.ok(got.status < 300, got.text);
    return got.body.token ?? got.body.key;
  }

  async agentId(): Promise<string> {
    return await this.it.org.transact(({ snapshot }) =>
      [...snapshot.agents.keys()].at(-1) ?? assert.fail("no agent")
    );
  }

  /** Asserts that none of these can decide the request, by passkey or through a key, and Cay can. */
  async assertBarred(id: string, behind: readonly WebDecider[]): Promise<void> {
    for (const one of behind) {
      assert.equal(await one.approve(id), "self_approval");
      for (const decision of ["approve", "deny"] as const) {
        const got = await this.it.decide(id, decision, { decided_by: one.email });
        assertProblem(got, 403, "self_approval");
      }
    }
    assert.equal(await this.cay.approve(id), "approved");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.it[Symbol.asyncDispose]();
  }
}

/** One way to come by a secret that asks: who then answers for it, besides the secret itself. */
type Way = (org: Separated) => Promise<{ secret: string; behind: WebDecider[] }>;

/** Every operation of the API that answers with a secret that asks, and each form that shows one. */
const WAYS: Readonly<Record<string, Way>> = {
  "POST /v1/api-keys": async (org) => {
    const key = await org.managementOf(org.ann);
    // A key that makes a key that makes a key: who made the first answers for the last.
    const body = { name: "m", tier: "management" };
    const second = await org.answered("/v1/api-keys", key, body);
    const secret = await org.answered("/v1/api-keys", second, { name: "s", tier: "standard" });
    return { secret, behind: [org.ann] };
  },
  "POST /v1/agents": async (org) => {
    const key = await org.managementOf(org.ann);
    return { secret: await org.answered("/v1/agents", key, { name: "a" }), behind: [org.ann] };
  },
  "POST /v1/agents/{id}/rotate": async (org) => {
    await org.made(org.ann, "/agents", "create", NEW);
    const path = `/v1/agents/${await org.agentId()}/rotate`;
    const secret = await org.answered(path, await org.managementOf(org.bea));
    return { secret, behind: [org.ann, org.bea] };
  },
  "page /api-keys create": async (org) => {
    const fields = { ...NEW, tier: "standard" };
    return { secret: await org.made(org.ann, "/api-keys", "create", fields), behind: [org.ann] };
  },
  "page /agents create": async (org) => {
    return { secret: await org.made(org.ann, "/agents", "create", NEW), behind: [org.ann] };
  },
  "page /agents/:id rotate": async (org) => {
    await org.answered("/v1/agents", await org.managementOf(org.ann), { name: "a" });
    const path = `/agents/${await org.agentId()}`;
    return { secret: await org.made(org.bea, path, "rotate", {}), behind: [org.ann, org.bea] };
  },
  "page /quickstart agent": async (org) => {
    return {
      secret: await org.made(org.ann, "/quickstart", "agent", { name: "first" }),
      behind: [org.ann],
    };
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  Deno.test(`attack: who came by a secret decides what it asks: ${name}`, async () => {
    await using org = await Separated.start();
    const { secret, behind } = await way(org);
    const { id } = await org.it.pending({}, secret);
    await org.assertBarred(id, behind);
    assert.equal((await org.it.mint(id, {}, secret)).status, 201);
  });
}

Deno.test("attack: the Quickstart's own agent, whose token nobody is shown, for its member", async () => {
  await using org = await Separated.start();
  const sent = await org.ann.web.send("/quickstart", "sample");
  await org.assertBarred(sent.to?.split("/").at(-1) ?? "", [org.ann]);
});

Deno.test("attack: what is asked through a sub-token, for who answers for its maker", async () => {
  await using org = await Separated.start();
  const { it, ann, bea } = org;
  const agent = await org.made(ann, "/agents", "create", NEW);
  const secret = await org.answered("/v1/sub-tokens", agent, { name: "a", ttl_seconds: 600 });
  const asked = { tool_name: TOOL, reason: "it is old", request: true };
  const { body } = await it.org.post("/v1/permissions/check", asked, secret);
  // Whoever comes to know its maker's secret since answers for it, too.
  await org.made(bea, `/agents/${await org.agentId()}`, "rotate", { keep_requests: "on" });
  await org.assertBarred(body.approval.id, [ann, bea]);
});

Deno.test("attack: what an MCP client asks, for the member whose grant it has", async () => {
  await using org = await Separated.start();
  const { it } = org;
  const grant = await grantIn([[it.org, "owner"]]);
  const asked = await rawTool(it.countersign, grant.token, "request_approval", {
    tool_name: TOOL,
    reason: "it is old",
    wait_seconds: 0,
  });
  const id = resultOf(asked).structuredContent.id;
  const { email = "" } = grant.members.get(it.org.id) ?? {};
  assertProblem(await it.decide(id, "approve", { decided_by: email }), 403, "self_approval");
  await org.assertBarred(id, []);
});

Deno.test("attack: what the key of the environment asks or makes, for the owner named there", async () => {
  await using countersign = await Countersign.start({
    variables: {
      COUNTERSIGN_BOOTSTRAP_KEY: MANAGEMENT,
      COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: MANAGEMENT.replace("cs_mgmt_", "cs_appr_"),
      COUNTERSIGN_BOOTSTRAP_OWNER: "jo@example.com",
    },
  });
  await bootstrap(countersign.services);
  const send = (method: string, path: string, body: unknown, key = MANAGEMENT) =>
    countersign.request(method, path, { key, body });
  const tool = { annotations_acknowledged: true, default_permission: "requires_approval" };
  assert.equal((await send("PUT", `/v1/tools/${TOOL}`, tool)).status, 201);
  await send("PATCH", "/v1/org", { separation_of_duties: true });
  const { body: agent } = await send("POST", "/v1/agents", { name: "a" });
  const ask = { tool_name: TOOL, reason: "it is old" };
  const { body: { id } } = await send("POST", "/v1/approvals", ask, agent.token);
  const decision = { decision: "approve", decided_by: "jo@example.com" };
  const key = MANAGEMENT.replace("cs_mgmt_", "cs_appr_");
  assertProblem(
    await send("POST", `/v1/approvals/${id}/decide`, decision, key),
    403,
    "self_approval",
  );
});

Deno.test("attack: rotating an agent after it asked, its requests kept", async () => {
  await using org = await Separated.start();
  const { it, ann, bea, cay } = org;
  const first = await org.made(ann, "/agents", "create", NEW);
  const pending = await it.pending({ method: "A" }, first);
  const approved = await it.pending({ method: "B" }, first);
  assert.equal(await bea.approve(approved.id), "approved");
  const agent = `/agents/${await org.agentId()}`;
  const token = await org.made(bea, agent, "rotate", { keep_requests: "on" });
  // Bea knows the token now: what she approved before does not count any more.
  const minted = await it.mint(approved.id, { method: "B" }, token);
  assertProblem(minted, 409, "approval_not_approved");
  assert.equal(minted.body.ended_because, "decider_barred");
  await org.assertBarred(pending.id, [ann, bea]);
  // Whoever answered for it once does so for good.
  await org.made(cay, agent, "rotate", { keep_requests: "on" });
  const { members_behind } = await it.org.transact(({ snapshot }) =>
    snapshot.agents.values().next().value ?? assert.fail("no agent")
  );
  assert.deepEqual(members_behind, [ann.id, bea.id, cay.id]);
  const page = await ann.web.get(agent);
  for (const { email } of [ann, bea, cay]) assert.ok(page.text.includes(email));
});

Deno.test("attack: rotating an agent between the mint and the run", async () => {
  await using org = await Separated.start();
  const { it, ann, bea } = org;
  const first = await org.made(ann, "/agents", "create", NEW);
  const { id } = await it.pending({}, first);
  assert.equal(await bea.approve(id), "approved");
  const { body: { token } } = await it.mint(id, {}, first);
  await org.made(bea, `/agents/${await org.agentId()}`, "rotate", { keep_requests: "on" });
  const consumed = await it.org.post("/v1/tokens/consume", { token, tool_name: TOOL });
  assertProblem(consumed, 403, "token_revoked");
  assert.equal(consumed.body.reason, "levels");
});

Deno.test("every place where a secret that asks is made is one of the ways above", async () => {
  const makers: string[] = [];
  const shown: string[] = [];
  for (const room of ["lib", "routes"]) {
    for (const file of await sourceFiles(`${room}/`)) {
      const text = await projectText(file);
      if (/\bmakeSecret\(|secret_hash: secretHash\(/.test(text)) makers.push(file);
      if (/\b(createApiKey|createAgent|rotateAgent)\(/.test(text)) shown.push(file);
    }
  }
  assert.deepEqual(makers.sort(), [
    "lib/catalog/agents.ts",
    "lib/catalog/api_keys.ts",
    "lib/catalog/create_org.ts",
    "lib/catalog/sub_tokens.ts",
    "lib/identity/credentials.ts",
    "lib/oauth/tokens.ts",
  ]);
  assert.deepEqual(shown.sort(), [
    "lib/catalog/agents.ts",
    "lib/catalog/api_keys.ts",
    // For the member who let the computer in (`tests/oauth/device_test.ts`).
    "lib/oauth/device_token.ts",
    "lib/onboarding/sample.ts",
    "routes/pages/machines/agent.tsx",
    "routes/pages/machines/agents.tsx",
    "routes/pages/machines/api_keys.tsx",
    "routes/pages/quickstart/quickstart.tsx",
    "routes/v1/agents.ts",
    "routes/v1/api_keys.ts",
  ]);
});

Deno.test("every operation of the API that answers with a secret is one of the ways above", async () => {
  await using countersign = await Countersign.start();
  const { body } = await countersign.request("GET", "/v1/openapi.json");
  const found = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods as object).flatMap(([method, operation]) =>
      showsSecret(body, operation.responses) ? `${method.toUpperCase()} ${path}` : []
    )
  );
  const runTokens = ["permissions/check", "permissions/check-batch", "tokens/mint"]
    .map((path) => `POST /v1/${path}`);
  // What receivers check our signatures by: it opens nothing here.
  const signing = ["POST /v1/webhooks", "POST /v1/webhooks/{id}/rotate"];
  const ways = Object.keys(WAYS).filter((name) => !name.startsWith("page "));
  const handedOn = ["POST /v1/sub-tokens"];
  assert.deepEqual(found.sort(), [...ways, ...runTokens, ...signing, ...handedOn].sort());
});

/** Whether an answer has a member that is called like a secret. */
function showsSecret(
  document: { components?: object },
  schema: unknown,
  seen = new Set(),
): boolean {
  if (typeof schema !== "object" || schema === null || seen.has(schema)) return false;
  seen.add(schema);
  if ("$ref" in schema) {
    const path = String(schema.$ref).slice(2).split("/");
    const found = path.reduce<unknown>((at, part) => at?.[part as keyof typeof at], document);
    return showsSecret(document, found, seen);
  }
  const properties = "properties" in schema ? Object.entries(schema.properties ?? {}) : [];
  const named = properties.some(([name, value]) =>
    /^(key|token|secret|password)$|_(token|secret)$/.test(name) &&
    (value as { type?: string }).type === "string"
  );
  return named || Object.values(schema).some((part) => showsSecret(document, part, seen));
}

Deno.test("rows of before, which named one member or none, count as they did", async () => {
  await using org = await Separated.start();
  const { it, ann } = org;
  const agent = await org.made(ann, "/agents", "create", NEW);
  const machine = await org.made(ann, "/api-keys", "create", { ...NEW, tier: "standard" });
  const asked = [await it.pending({}, agent), await it.pending({}, machine)];
  const { kv } = it.countersign.services.deps;
  const asBefore = async (key: StoreKey, member: string | null) => {
    const { value } = await kv.get<Record<string, unknown>>([...key]);
    const { members_behind: _later, missing_facts: _too, ...row } = value ?? {};
    await kv.atomic().set([...key], { ...row, member_behind: member }).commit();
  };
  const ids = await it.org.transact(({ snapshot }) => ({
    agents: [...snapshot.agents.keys()],
    keys: [...snapshot.apiKeys.keys()],
  }));
  for (const id of ids.agents) await asBefore(agentKey(it.org.id, id), ann.id);
  for (const id of ids.keys) {
    await asBefore(apiKeyKey(it.org.id, id), id === ids.keys.at(-1) ? ann.id : null);
  }
  for (const { id } of asked) await asBefore(approvalKey(it.org.id, id), ann.id);
  await using node = await Countersign.start({ kv, secret: it.countersign.secret });
  for (const { id } of asked) {
    const decision = { decision: "approve", decided_by: ann.email };
    const key = it.org.approver;
    const got = await node.request("POST", `/v1/approvals/${id}/decide`, { key, body: decision });
    assertProblem(got, 403, "self_approval");
  }
  const listed = await node.request("GET", "/v1/agents", { key: it.org.management });
  assert.deepEqual(
    listed.body.data.map((one: { members_behind: string[] }) => one.members_behind),
    [
      [ann.id],
    ],
  );
});
