import assert from "node:assert/strict";
import { KEPT_MS, storeCall } from "../../lib/calls/call_record.ts";
import type { CallerTier } from "../../lib/identity/caller.ts";
import { upstreamKey } from "../../lib/store/gateway_keys.ts";
import * as keys from "../../lib/store/keys.ts";
import type { UpstreamRecord } from "../../lib/store/records/upstream.ts";
import type { GuardedRoute } from "../../routes/http/route.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";

/** The name that things of the other org have where their owner chooses it. */
const NAME = "zanzibar";
/** A word that stands in everything of the other org, so that no answer may hold it. */
const MARK = "quagga";

/** What the other org has: one of everything, by the names that its routes know them by. */
interface Owned {
  readonly tool: string;
  readonly upstream: string;
  readonly call: string;
  readonly category: string;
  readonly tenant: string;
  readonly resource: string;
  readonly member: string;
  readonly rule: string;
  readonly api_key: string;
  readonly agent: string;
  readonly approval: string;
  readonly reference: string;
  readonly token: string;
  readonly execution: string;
  readonly receipt: string;
  readonly decision: string;
  readonly entry: string;
  readonly bundle: string;
  readonly mandate: string;
  readonly channel: string;
  readonly credential: string;
  readonly webhook: string;
  readonly budget: string;
  readonly confirmation: string;
  readonly user: string;
  readonly sub_token: string;
}

async function ownedBy(org: TestOrg): Promise<Owned> {
  const tool = `${NAME}_tool`;
  await org.tool(tool, { default_permission: "requires_approval", description: MARK });
  await org.tool(`${NAME}_open`);
  const selector = {
    tenant_id: null,
    resource_id: null,
    tool_name: tool,
    method: "DELETE",
    tag: null,
  };
  const rule = await org.transact((transaction) => {
    const created_at = transaction.at;
    const id = transaction.id("rul");
    transaction.setPolicy(keys.categoryKey(org.id, NAME), {
      name: NAME,
      default_permission: "allowed",
    });
    const described = { name: MARK, metadata: { MARK }, created_at };
    transaction.setPolicy(keys.tenantKey(org.id, NAME), { id: NAME, ...described });
    transaction.setPolicy(keys.resourceKey(org.id, NAME), { id: NAME, type: null, ...described });
    const permission = "allowed";
    const record = { id, selector, permission, note: MARK, created_at, updated_at: created_at };
    transaction.setPolicy(keys.ruleKey(org.id, selector), record);
    return id;
  });
  const upstream = `${NAME}-upstream`;
  await org.transact((transaction) => {
    const { at } = transaction;
    const record: UpstreamRecord = {
      name: upstream,
      kind: "mcp",
      url: `https://${MARK.toLowerCase()}.example.com/mcp`,
      headers: { "x-mark": MARK },
      credential: null,
      timeout_seconds: 60,
      max_result_bytes: 1024,
      status: "active",
      generation: 1,
      created_at: at,
      updated_at: at,
    };
    transaction.setPolicy(upstreamKey(org.id, upstream), record);
  });
  const call = await org.transact((transaction) => {
    const id = transaction.id("cal");
    const { at } = transaction;
    storeCall(transaction, {
      id,
      status: "pending",
      tool,
      upstream,
      action_digest: "",
      mandate_id: null,
      requester: { type: "api_key", id: "key_other" },
      key_hash: null,
      decision_id: "",
      permission: "requires_approval",
      resolved_from: "tool_default",
      approval_id: "apr_none",
      created_at: at,
      expires_at: at + KEPT_MS,
    });
    return id;
  });
  const member = `${NAME}@example.com`;
  await org.member(member);
  const agent = await org.manage("POST", "/v1/agents", { name: MARK });
  const key = await org.manage("POST", "/v1/api-keys", { name: MARK, tier: "standard" });
  const made = { name: MARK, ttl_seconds: 600, resources: [MARK] };
  const subToken = await org.post("/v1/sub-tokens", made, agent.body.token);
  assert.equal(subToken.status, 201, subToken.text);
  const action = { tool_name: tool, tenant_id: NAME, resource_id: NAME };
  const approval = await org.post("/v1/approvals", { ...action, reason: MARK });
  assert.equal(approval.status, 201, approval.text);
  const open = { tool_name: `${NAME}_open`, tenant_id: NAME };
  const minted = await org.post("/v1/tokens/mint", open);
  const logged = await org.post("/v1/executions/log", { ...open, execution_result: "success" });
  const scopes = [{ tool: `${NAME}_open`, decision: "allow" }];
  const bundle = await org.manage("PUT", `/v1/bundles/${NAME}`, {
    agent: "app",
    scopes,
    description: MARK,
  });
  assert.equal(bundle.status, 201, bundle.text);
  const mandate = await org.manage("POST", "/v1/mandates", {
    user_id: NAME,
    bundle: { id: NAME },
    metadata: { MARK },
  });
  assert.equal(mandate.status, 201, mandate.text);
  const confirmed = await org.manage("POST", "/v1/mandates", {
    user_id: NAME,
    agent: "app",
    scopes: [{ tool: `${NAME}_open`, decision: "confirm" }],
  });
  const asked = await org.post("/v1/permissions/check", {
    tool_name: `${NAME}_open`,
    mandate_id: confirmed.body.id,
    request: true,
    reason: MARK,
  });
  assert.equal(asked.status, 200, asked.text);
  const topic = { kind: "ntfy", url: "https://ntfy.example.com", topic: MARK };
  const channel = await org.manage("POST", "/v1/channels", { name: MARK, ...topic });
  assert.equal(channel.status, 201, channel.text);
  const credential = await org.manage("POST", "/v1/credentials", {
    name: MARK,
    kind: "bearer",
    origins: ["https://a.example.com"],
    secret: `${MARK}-secret`,
  });
  assert.equal(credential.status, 201, credential.text);
  const hook = { url: "https://hooks.example.com/", events: ["tool.drifted"], description: MARK };
  const webhook = await org.manage("POST", "/v1/webhooks", hook);
  assert.equal(webhook.status, 201, webhook.text);
  assert.equal((await org.manage("PUT", `/v1/tombstones/${NAME}`)).status, 201);
  const budget = { limit_micros: 1, period: "day" };
  assert.equal((await org.manage("PUT", `/v1/budgets/user:${NAME}`, budget)).status, 201);
  const entry = (await org.get("/v1/activity?limit=1")).body.data[0].id;
  return {
    tool,
    upstream,
    call,
    category: NAME,
    tenant: NAME,
    resource: NAME,
    member,
    rule,
    api_key: key.body.id,
    agent: agent.body.id,
    approval: approval.body.id,
    reference: approval.body.reference,
    token: minted.body.token,
    execution: logged.body.execution_id,
    decision: minted.body.decision_id,
    receipt: `rcp_${minted.body.decision_id.slice(4)}`,
    entry,
    bundle: NAME,
    mandate: mandate.body.id,
    channel: channel.body.id,
    credential: credential.body.id,
    webhook: webhook.body.id,
    budget: `user:${NAME}`,
    confirmation: asked.body.confirmation.id,
    user: NAME,
    sub_token: subToken.body.id,
  };
}

/** The same names for things that nobody has: what an answer has to be like. */
const ABSENT: Owned = {
  tool: "absent_tool",
  upstream: "absent-upstream",
  call: "cal_01kdvdna00e000000000000000",
  category: "absent",
  tenant: "absent",
  resource: "absent",
  member: "absent@example.com",
  rule: "rul_01kdvdna00e000000000000000",
  api_key: "key_01kdvdna00e000000000000000",
  agent: "agt_01kdvdna00e000000000000000",
  approval: "apr_01kdvdna00e000000000000000",
  reference: "REF-00000000-0000",
  token: "cs_run_absent",
  execution: "exe_01kdvdna00e000000000000000",
  decision: "dec_01kdvdna00e000000000000000",
  receipt: "rcp_01kdvdna00e000000000000000",
  entry: "ent_01kdvdna00e000000000000000",
  bundle: "absent",
  mandate: "mdt_01kdvdna00e000000000000000",
  channel: "chn_01kdvdna00e000000000000000",
  credential: "crd_01kdvdna00e000000000000000",
  webhook: "whk_01kdvdna00e000000000000000",
  budget: "user:absent",
  confirmation: "cnf_01kdvdna00e000000000000000",
  user: "absent",
  sub_token: "sub_01kdvdna00e000000000000000",
};

/** The id that a path takes, by the noun of its collection; several where it takes several kinds. */
const NAMED_IN_PATH: Readonly<Record<string, readonly (keyof Owned)[]>> = {
  tools: ["tool"],
  upstreams: ["upstream"],
  calls: ["call"],
  categories: ["category"],
  tenants: ["tenant"],
  resources: ["resource"],
  tombstones: ["resource"],
  members: ["member"],
  rules: ["rule"],
  "api-keys": ["api_key"],
  agents: ["agent"],
  approvals: ["approval", "reference"],
  budgets: ["budget"],
  confirmations: ["confirmation"],
  users: ["user"],
  bundles: ["bundle"],
  mandates: ["mandate"],
  channels: ["channel"],
  credentials: ["credential"],
  webhooks: ["webhook"],
  "sub-tokens": ["sub_token"],
  receipts: ["decision", "approval", "execution", "entry", "receipt"],
};

/** The kinds of id that a path takes; null for a path that takes none. */
function kindsOf(path: string): readonly (keyof Owned | null)[] {
  if (!path.includes(":")) return [null];
  return NAMED_IN_PATH[path.split("/")[2] ?? ""] ?? assert.fail(`${path} takes ids unknown here`);
}

/** Bodies that every route with one accepts, each naming what the other org has. */
function bodyFor(method: string, path: string, owned: Owned): unknown {
  const action = { tool_name: owned.tool, tenant_id: owned.tenant, resource_id: owned.resource };
  const minted = { tool_name: owned.tool, tenant_id: owned.tenant };
  const bodies: Record<string, unknown> = {
    "put /v1/budgets/:scope": { limit_micros: 1, period: "day" },
    "post /v1/budgets/settle": { decision_id: owned.decision, actual_cost_micros: 0 },
    "post /v1/mandates": { user_id: "u1", bundle: { id: owned.bundle }, replaces: owned.mandate },
    "post /v1/mandates/:id/revoke": { by: "user" },
    "put /v1/users/:id/passkeys": { passkeys: [] },
    "put /v1/bundles/:id": { agent: "app", scopes: [{ tool: owned.tool, decision: "allow" }] },
    "post /v1/permissions/check": {
      ...action,
      mandate_id: owned.mandate,
      mint: true,
      request: true,
      reason: "x",
    },
    "post /v1/permissions/check-batch": {
      checks: [action, { ...action, mandate_id: owned.mandate }],
    },
    "post /v1/calls": { ...action, reason: "x" },
    "post /v1/approvals": { ...action, reason: "x" },
    "post /v1/approvals/request": { ...action, reason: "x" },
    "post /v1/approvals/:id/decide": { decision: "approve", decided_by: owned.member },
    "post /v1/tokens/mint": { ...action, approval_id: owned.approval },
    "post /v1/tokens/verify": { token: owned.token },
    "post /v1/tokens/consume": { token: owned.token, ...minted },
    "post /v1/executions/log": { token: owned.token, ...minted, execution_result: "success" },
    "put /v1/upstreams/:name": {
      kind: "mcp",
      url: "https://a.example.com",
      status: "paused",
      credential: { credential_id: owned.credential },
    },
    "post /v1/credentials": {
      name: "a",
      kind: "bearer",
      origins: ["https://a.example.com"],
      secret: "a-secret-of-our-own",
      owner: owned.member,
    },
    "post /v1/credentials/:id/rotate": { secret: "a-secret-of-our-own" },
    "post /v1/upstreams/:name/approve": {
      tools: [{ name: owned.tool, definition_digest: "sha256:" + "0".repeat(64) }],
    },
    "post /v1/webhooks/:id/recover": { since: "2026-01-01T00:00:00Z" },
    "post /v1/tools": { name: owned.tool },
    "put /v1/categories/:name": { default_permission: "disabled" },
    "put /v1/members/:email": { role: "viewer" },
    "put /v1/rules": {
      selector: { tool_name: owned.tool, method: "DELETE" },
      permission: "disabled",
    },
    "post /v1/api-keys": { name: "a", tier: "standard", tenant_ids: [owned.tenant] },
    "post /v1/sub-tokens": { name: "a", ttl_seconds: 60, tenant_ids: [owned.tenant] },
    "post /v1/agents": { name: "a", tenant_ids: [owned.tenant] },
    "put /v1/policy": { rules: [], tools: [], tenants: [], resources: [], categories: [] },
  };
  return bodies[`${method} ${path.replace("{.+}", "")}`] ?? {};
}

/** Everything that the store holds of an org, but when its credentials were last used. */
async function rowsOf(org: TestOrg): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for await (const { key, versionstamp } of org.countersign.services.deps.kv.list({ prefix: [] })) {
    if (key.includes(org.id) && key[0] !== "credential_used") {
      rows.set(JSON.stringify(key), versionstamp);
    }
  }
  return rows;
}

function assertSame(before: Map<string, string>, after: Map<string, string>, what: string): void {
  const changed = [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key));
  assert.deepEqual(changed, [], what);
}

const isGuarded = (route: (typeof ROUTES)[number]): route is GuardedRoute =>
  route.callers !== "open";

Deno.test("attack: another org's ids on every route, by every tier, are as if they were not", async () => {
  await using countersign = await Countersign.start();
  const other = await countersign.org();
  const owned = await ownedBy(other);
  const before = await rowsOf(other);
  let attacked = 0;
  for (const route of ROUTES.filter(isGuarded)) {
    // A new attacker each time: what it made under the same names would be its own.
    const org = await countersign.org();
    const subToken = await org.post("/v1/sub-tokens", { name: "a", ttl_seconds: 600 });
    const secrets: Record<CallerTier, string> = {
      standard: org.standard,
      management: org.management,
      approver: org.approver,
      agent: await org.agent(),
      sub_token: subToken.body.token,
    };
    const takesId = route.path.includes(":");
    for (const tier of route.callers) {
      for (const kind of kindsOf(route.path)) {
        const ask = (named: Owned): Promise<Got> => {
          const id = encodeURIComponent(kind === null ? "" : named[kind]);
          const path = route.path.replace(/:\w+(\{[^}]*\})?/, id);
          const body = route.method === "get" || route.method === "delete"
            ? {}
            : { body: bodyFor(route.method, route.path, named) };
          const method = route.method.toUpperCase();
          const headers = { "if-match": '"1"' };
          return countersign.request(method, path, { key: secrets[tier], headers, ...body });
        };
        const what = `${route.method} ${route.path} as ${tier}, ${kind}`;
        const got = await ask(owned);
        attacked++;
        assert.ok(!got.text.includes(MARK), `${what} shows what is another's: ${got.text}`);
        if (takesId && ["get", "delete", "patch", "post"].includes(route.method)) {
          const absent = await ask(ABSENT);
          // What the tier may not ask for is refused before anything is looked for.
          const refused = got.body.code === "wrong_tier" ? 403 : 404;
          assert.equal(got.status, refused, `${what}: ${got.text}`);
          assert.deepEqual(plain(got, owned), plain(absent, ABSENT), what);
        }
        assertSame(before, await rowsOf(other), what);
      }
    }
  }
  assert.ok(attacked > 50);
  const approval = await other.get(`/v1/approvals/${owned.approval}`);
  assert.equal(approval.body.status, "pending");
  const consumed = await other.post("/v1/tokens/consume", {
    token: owned.token,
    tool_name: `${NAME}_open`,
    tenant_id: NAME,
  });
  assert.equal(consumed.status, 200, "the token was not spent by the other org");
});

/** A problem without what names the request and the id asked for: no oracle may be left in it. */
function plain({ status, body }: Got, named: Owned): unknown {
  const { request_id: _request, instance: _instance, ...rest } = body;
  let text = JSON.stringify(rest);
  for (const name of Object.values(named)) text = text.replaceAll(name, "ID");
  return { status, text };
}

Deno.test("attack: filters and cursors of another org find nothing of it", async () => {
  await using countersign = await Countersign.start();
  const [org, other] = [await countersign.org(), await countersign.org()];
  const owned = await ownedBy(other);
  for (let i = 0; i < 2; i++) await other.post("/v1/permissions/check", { tool_name: NAME });
  const agents = await other.manage("POST", "/v1/agents", { name: "second" });
  assert.equal(agents.status, 201);
  const lists = [
    "/v1/approvals",
    "/v1/agents",
    "/v1/api-keys",
    "/v1/activity",
    "/v1/audit/entries",
    "/v1/mandates",
    "/v1/bundles",
    "/v1/budgets",
  ];
  for (const path of lists) {
    const { next_cursor } = (await other.get(`${path}?limit=1`)).body;
    if (next_cursor === null) continue;
    const got = await org.get(`${path}?cursor=${next_cursor}`);
    assert.ok([200, 422].includes(got.status), path);
    assert.ok(
      !got.text.includes(MARK) && !got.text.includes(NAME) && !got.text.includes(other.id),
      path,
    );
  }
  const filters = [
    `/v1/approvals?tool_name=${owned.tool}`,
    `/v1/approvals?tenant_id=${NAME}`,
    `/v1/activity?actor=${owned.agent}`,
    `/v1/activity?tool_name=${owned.tool}`,
    `/v1/activity?tenant_id=${NAME}`,
    `/v1/rules?tenant_id=${NAME}`,
    `/v1/rules?tool_name=${owned.tool}`,
    `/v1/mandates?user_id=${NAME}`,
  ];
  for (const path of filters) {
    const got = await org.get(path);
    assert.deepEqual(got.body, { data: [], next_cursor: null }, path);
  }
});

Deno.test("attack: a key names its own org, whatever the request says", async () => {
  await using countersign = await Countersign.start();
  const [org, other] = [await countersign.org(), await countersign.org()];
  await org.tool("restart");
  const before = await rowsOf(other);
  const headers = { "x-org": other.id, "x-organization-id": other.id };
  const got = await org.post("/v1/permissions/check", { tool_name: "restart" }, undefined, headers);
  assert.equal(got.status, 200);
  for (const name of ["org", "org_id", "organization"]) {
    const body = { tool_name: "restart", [name]: other.id };
    assert.equal((await org.post("/v1/permissions/check", body)).status, 422);
  }
  assert.equal((await org.get(`/v1/activity?org=${other.id}`)).status, 422);
  assertSame(before, await rowsOf(other), "the other org");
});
