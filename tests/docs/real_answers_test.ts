import assert from "node:assert/strict";
import { templateOf } from "../../routes/docs/openapi.ts";
import { ROUTES } from "../../routes/manifest.ts";
import { CallOrg, READ, WIPE } from "../helpers/call_org.ts";
import { Documented } from "./documented.ts";

Deno.test("real answers have no member that openapi.json does not name", async () => {
  await using it = await CallOrg.start();
  const { org } = it;
  const document = (await org.countersign.request("GET", "/v1/openapi.json")).body;
  const held = new Documented(document, org);
  const ask = held.ask.bind(held);
  const agent = await org.agent();
  const granting = await org.key("standard", { may_grant: true });
  const speaking = await org.key("management", { user_passkeys: true });
  const runtime = (method: string, path: string, body?: unknown) =>
    ask(method, path, body, org.standard);
  const scenes: readonly (() => Promise<void>)[] = [
    async function configuration() {
      await ask("GET", "/v1/org");
      await ask("PATCH", "/v1/org", { budget: { limit_micros: 1000, period: "day" } });
      const annotations = { read_only: true };
      await ask("POST", "/v1/tools", { name: "posted", annotations });
      await ask("PUT", "/v1/tools/put", { tags: ["a"], methods: ["GET"], annotations });
      await ask("PATCH", "/v1/tools/put", { kill_switch: { active: true, reason: "r" } });
      await ask("GET", `/v1/tools/${READ}`);
      await ask("GET", "/v1/tools");
      await ask("DELETE", "/v1/tools/posted");
      for (const kind of ["tenants", "resources"]) {
        await ask("PUT", `/v1/${kind}/one`, { name: "One", metadata: { a: 1 } });
        await ask("PATCH", `/v1/${kind}/one`, { name: null });
      }
      await ask("PUT", "/v1/categories/one", { default_permission: "allowed" });
      const selector = { tool_name: "put", method: "GET" };
      const rule = await ask("PUT", "/v1/rules", { selector, permission: "disabled" });
      await ask("GET", `/v1/rules/${rule.body.id}`);
      const policy = await ask("GET", "/v1/policy");
      const { policy_version: _version, ...whole } = policy.body;
      const match = { "if-match": policy.headers.get("etag") ?? "" };
      await ask("PUT", "/v1/policy", whole, org.management, match);
      await ask("PATCH", "/v1/policy", { remove: { tenants: ["one"] } }, org.management, match);
      for (const kind of ["categories", "tenants", "resources"]) {
        await ask("GET", `/v1/${kind}`);
        await ask("GET", `/v1/${kind}/one`);
        await ask("DELETE", `/v1/${kind}/one`);
      }
      await ask("GET", "/v1/rules");
      await ask("DELETE", `/v1/rules/${rule.body.id}`);
      await ask("PUT", "/v1/guards", { before: [{ kind: "secrets", mode: "block" }] });
      await ask("GET", "/v1/guards");
      await ask("POST", "/v1/guards/try", { side: "after", text: "jo@example.com" });
      await ask("PUT", "/v1/members/vic@example.com", { role: "viewer" });
      await ask("GET", "/v1/members");
      await ask("GET", "/v1/members/vic@example.com");
      await ask("DELETE", "/v1/members/vic@example.com");
    },
    async function machines() {
      const key = await ask("POST", "/v1/api-keys", { name: "one", tier: "standard" });
      await ask("GET", "/v1/api-keys");
      await ask("DELETE", `/v1/api-keys/${key.body.id}`);
      const made = await ask("POST", "/v1/agents", { name: "one" });
      const path = `/v1/agents/${made.body.id}`;
      await ask("GET", "/v1/agents");
      await ask("GET", path);
      await ask("PATCH", path, { trust_tier: 1 });
      await ask("POST", `${path}/rotate`, {});
      await ask("DELETE", path);
      const sub = await runtime("POST", "/v1/sub-tokens", { name: "s", ttl_seconds: 60 });
      await runtime("GET", "/v1/sub-tokens");
      await runtime("GET", `/v1/sub-tokens/${sub.body.id}`);
      await runtime("DELETE", `/v1/sub-tokens/${sub.body.id}`);
    },
    async function decisions() {
      const action = { tool_name: "fresh", arguments: { a: 1 } };
      await org.tool("fresh");
      await org.tool("held", { default_permission: "requires_approval" });
      await runtime("POST", "/v1/permissions/check", { ...action, explain: true, mint: true });
      const asking = { tool_name: "held", reason: "r", request: true };
      const asked = await runtime("POST", "/v1/permissions/check", asking);
      await runtime("POST", "/v1/permissions/check-batch", {
        checks: [action, { tool_name: "held", tenant_id: "jo@example.com" }],
      });
      const { id } = asked.body.approval;
      await runtime("GET", `/v1/approvals/${id}`);
      const decide = { decision: "approve", decided_by: it.it.ann.email };
      await ask("POST", `/v1/approvals/${id}/decide`, decide, org.approver);
      const minted = await runtime("POST", "/v1/tokens/mint", {
        tool_name: "held",
        approval_id: id,
      });
      const { token } = minted.body;
      await runtime("POST", "/v1/tokens/verify", { token });
      await runtime("POST", "/v1/tokens/verify", { token: "none" });
      await runtime("POST", "/v1/tokens/consume", { token, tool_name: "held" });
      await runtime("POST", "/v1/tokens/consume", { token, tool_name: "held" });
      const report = { token, tool_name: "held", execution_result: "success" };
      const logged = await runtime("POST", "/v1/executions/log", report);
      for (const event of [id, logged.body.execution_id, `rcp_${id.slice(4)}`]) {
        await runtime("GET", `/v1/receipts/${event}`);
      }
      await runtime("GET", `/v1/receipts/rcp_${asked.body.decision_id.slice(4)}`);
      const other = { tool_name: "held", reason: "r", resource_id: "2" };
      const withdrawn = await runtime("POST", "/v1/approvals", other);
      await runtime("POST", `/v1/approvals/${withdrawn.body.id}/cancel`);
      const third = await runtime("POST", "/v1/approvals/request", { ...other, resource_id: "3" });
      await ask("POST", `/v1/approvals/${third.body.id}/decide`, decide, org.approver);
      await runtime("POST", `/v1/approvals/${third.body.id}/revoke`);
      await runtime("GET", "/v1/approvals");
    },
    async function log() {
      await runtime("GET", "/v1/activity");
      await runtime("GET", "/v1/audit/entries");
      await runtime("GET", "/v1/audit/checkpoint");
      await runtime("GET", "/v1/audit/export");
      await runtime("GET", "/v1/audit/proof/inclusion?index=1&size=3");
      await runtime("GET", "/v1/audit/proof/consistency?from=1&to=3");
      await ask("GET", `/.well-known/countersign/keys/${org.id}`);
      await ask("GET", `/.well-known/countersign/receipt-keys/${org.id}`);
      await ask("POST", "/v1/audit/rotate-key");
      await ask("POST", "/v1/receipts/rotate-key");
      await ask("GET", "/healthz");
      await ask("GET", "/readyz");
    },
    async function mandates() {
      const scopes = [{ tool: "fresh", decision: "allow" }, { tool: "held", decision: "confirm" }];
      await ask("PUT", "/v1/bundles/shop", { agent: "app", scopes });
      await ask("GET", "/v1/bundles");
      await ask("GET", "/v1/bundles/shop?edition=1");
      const budget = { limit_micros: 500, period: "total" };
      const grant = { user_id: "u1", bundle: { id: "shop" }, budget, uses: 9 };
      const first = await ask("POST", "/v1/mandates", grant, granting);
      const replaces = first.body.id;
      const second = await ask("POST", "/v1/mandates", { ...grant, replaces });
      const { id } = second.body;
      await ask("POST", "/v1/mandates", { parent: id, agent: "b", scopes: scopes.slice(0, 1) });
      await ask("GET", "/v1/mandates");
      await ask("GET", `/v1/mandates/${id}`);
      await ask("GET", `/v1/mandates/${id}/log`);
      const under = { mandate_id: id, estimated_cost_micros: 5 };
      const check = { tool_name: "fresh", ...under };
      const { decision_id } = (await runtime("POST", "/v1/permissions/check", check)).body;
      await runtime("POST", "/v1/budgets/settle", { decision_id, actual_cost_micros: 4 });
      await runtime("GET", `/v1/receipts/rcp_${decision_id.slice(4)}?format=allowly-4`);
      const asking = { tool_name: "held", ...under, request: true, reason: "r" };
      const asked = (await runtime("POST", "/v1/permissions/check", asking)).body;
      await runtime("GET", `/v1/confirmations/${asked.confirmation.id}`);
      await ask("POST", `/v1/confirmations/${asked.nonce}/statement`);
      await ask("POST", `/v1/confirmations/${asked.nonce}`, { decision: "deny" });
      await ask("GET", "/v1/budgets");
      await ask("PUT", "/v1/budgets/user:u1", budget);
      await ask("DELETE", "/v1/budgets/user:u1");
      await ask("PUT", "/v1/tombstones/gone");
      await ask("GET", "/v1/tombstones");
      await ask("DELETE", "/v1/tombstones/gone");
      await ask("PUT", "/v1/users/u1/passkeys", { passkeys: [] }, speaking);
      await ask("GET", "/v1/users/u1/passkeys", undefined, speaking);
      await ask("DELETE", "/v1/users/u1/passkeys", undefined, speaking);
      await ask("POST", "/v1/users/u1/enrolment", undefined, speaking);
      await ask("POST", `/v1/mandates/${id}/revoke`, { by: "u1" });
      await ask("DELETE", "/v1/bundles/shop");
    },
    async function gateway() {
      const ran = await runtime("POST", "/v1/calls", { tool_name: READ, reason: "r" });
      await runtime("GET", `/v1/calls/${ran.body.call_id}`);
      await ask("POST", "/v1/calls", { tool_name: WIPE, reason: "r" }, agent);
      await ask("GET", "/v1/upstreams");
      await ask("GET", "/v1/upstreams/notes");
      const offered = await ask("GET", "/v1/upstreams/notes/tools");
      await ask("POST", "/v1/upstreams/notes/refresh");
      const { name, definition_digest } = offered.body.data[0];
      const tools = [{ name, definition_digest, default_permission: "allowed" }];
      await ask("POST", "/v1/upstreams/notes/approve", { tools });
      const url = "https://notes.example.com/mcp";
      await ask("PUT", "/v1/upstreams/notes", { kind: "mcp", url, headers: { "X-A": "b" } });
      const origins = ["https://notes.example.com"];
      const credential = { name: "c", kind: "bearer", origins, secret: "0123456789" };
      const { id } = (await ask("POST", "/v1/credentials", credential)).body;
      await ask("GET", "/v1/credentials");
      await ask("GET", `/v1/credentials/${id}`);
      await ask("POST", `/v1/credentials/${id}/rotate`, { secret: "9876543210" });
      await ask("DELETE", `/v1/credentials/${id}`);
      await ask("DELETE", "/v1/upstreams/notes");
    },
    async function tellings() {
      const url = "https://hooks.example.com/in";
      const { id } = (await ask("POST", "/v1/webhooks", { url, events: ["webhook.test"] })).body;
      const path = `/v1/webhooks/${id}`;
      await ask("GET", "/v1/webhooks");
      await ask("GET", path);
      await ask("PATCH", path, { description: "d" });
      await ask("POST", `${path}/rotate`, {});
      await ask("POST", `${path}/recover`, { since: "2026-01-01T00:00:00Z" });
      await ask("POST", `${path}/test`);
      await ask("GET", `${path}/deliveries`);
      await ask("DELETE", path);
      const channel = { name: "n", kind: "ntfy", url: "https://ntfy.example.com", topic: "t" };
      const chn = (await ask("POST", "/v1/channels", channel)).body.id;
      await ask("GET", "/v1/channels");
      await ask("GET", `/v1/channels/${chn}`);
      await ask("POST", `/v1/channels/${chn}/test`);
      await ask("PATCH", `/v1/channels/${chn}`, { name: "m" });
      await ask("DELETE", `/v1/channels/${chn}`);
    },
  ];
  for (const scene of scenes) await scene();

  // These need a provider, and a delivery; clients of Allowly have a document of their own.
  const others = ROUTES.filter(({ path }) => !path.startsWith("/allowly"))
    .map(({ method, path }) => `${method} ${templateOf(path)}`)
    .filter((operation) => !held.seen.has(operation));
  assert.deepEqual(others.sort(), [
    "post /v1/credentials/{id}/connect",
    "post /v1/webhooks/{id}/deliveries/{did}/replay",
  ]);
});
