import assert from "node:assert/strict";
import { applyPolicy } from "../../lib/catalog/apply_policy.ts";
import type { Transact } from "../../lib/catalog/policy_plan.ts";
import { Refusal } from "../../lib/refusal.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { duePrefix, policyVersionKey } from "../../lib/store/keys.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type Got, type TestOrg } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { LargePolicy, policyRows } from "../helpers/large_policy.ts";
import { aSelector } from "../helpers/policy_records.ts";
import { runs } from "../helpers/property_runs.ts";
import { head, RawRequest } from "../helpers/raw_request.ts";
import { assertProblem } from "../helpers/refused.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const MINUTE = 60_000;

async function put(
  org: TestOrg,
  document: unknown,
  { node = org.countersign, version = "" } = {},
): Promise<Got> {
  const read = () => node.request("GET", "/v1/policy", { key: org.management });
  return await node.request("PUT", "/v1/policy?dry_run=false", {
    key: org.management,
    body: document,
    headers: { "if-match": version || ((await read()).headers.get("etag") ?? "") },
  });
}

async function dueKinds(org: TestOrg): Promise<string[]> {
  const rows = org.countersign.services.deps.kv.list({ prefix: duePrefix() });
  return await Array.fromAsync(rows, ({ key }) => String(key[2]));
}

Deno.test("A policy of several commits is applied in one version, with an entry for each change", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const policy = new LargePolicy(100, 900);
  const { policy_version } = (await org.get("/v1/policy")).body;
  const applied = await put(org, policy.document());
  assert.equal(applied.status, 200, applied.text.slice(0, 500));
  assert.equal(applied.body.policy_version, policy_version + 1);
  assert.equal(applied.headers.get("etag"), `"${policy_version + 1}"`);
  assert.equal(applied.body.added.tools.length, 100);
  assert.equal(applied.body.added.rules.length, 900);
  policy.assertIs(await org.get("/v1/policy"));
  const row = await countersign.services.deps.kv.get([...policyVersionKey(org.id)]);

  const log = await verifiedLog(countersign.services.deps, org.id);
  const staged = log.find(({ entry }) => entry.type === "policy.staged") ?? assert.fail("no entry");
  const last = log.at(-1)?.entry ?? assert.fail("no entry");
  const { request_id: _, ...data } = last.data;
  const generation = staged.index;
  // No `version`, so that a process which knows no generations refuses the row.
  assert.deepEqual(row.value, { current: { version: policy_version + 1, generation } });
  assert.equal(last.type, "policy.applied");
  assert.deepEqual(data, { generation, changes: 1003, policy_version: policy_version + 1 });
  const rows = log.map(({ entry }) => entry).filter(({ type }) => type.endsWith(".staged"))
    .filter(({ type }) => type !== "policy.staged");
  assert.equal(rows.length, 1003);
  assert.ok(rows.every((entry) => entry.data.generation === generation));
  assert.deepEqual(rows[0]?.subject, { tool: "tool_0" });
  assert.equal(rows[0]?.data.does, "set");

  const same = await put(org, (await org.get("/v1/policy")).body);
  assert.equal(same.body.policy_version, policy_version + 1, "what was read changes nothing");
});

Deno.test("A policy of several commits is what is checked, read and changed afterwards, on every node", async () => {
  const kv = await Deno.openKv(":memory:");
  await using countersign = await Countersign.start({ kv });
  const { clock, secret } = countersign;
  await using other = await Countersign.start({ kv, clock, secret });
  const org = await countersign.org();
  const check = async (node: Countersign, tool_name: string) => {
    const body = { tool_name };
    const got = await node.request("POST", "/v1/permissions/check", { key: org.standard, body });
    return got.body.permission;
  };
  await org.tool("tool_1", { default_permission: "disabled" });
  assert.equal(await check(other, "tool_1"), "disabled");
  await put(org, new LargePolicy(10, 900).document());
  assert.equal(await check(other, "tool_1"), "allowed");
  assert.equal(await check(other, "tool_2"), "disabled");

  const at = (method: string, path: string, body?: unknown) =>
    other.request(method, path, { key: org.management, ...(body === undefined ? {} : { body }) });
  const rule = (await org.get("/v1/rules?tool_name=tool_2")).body.data[0];
  assert.equal((await at("DELETE", `/v1/rules/${rule.id}`)).status, 200);
  assert.equal(await check(countersign, "tool_2"), "allowed");
  assert.equal((await at("PATCH", "/v1/tools/tool_1", { status: "disabled" })).status, 200);
  assert.equal(await check(countersign, "tool_1"), "disabled");
  assert.equal((await at("PATCH", "/v1/tenants/acme", { name: "A" })).body.name, "A");
  assert.equal((await at("PATCH", "/v1/resources/server-1", { name: "S" })).body.name, "S");
  assert.equal((await at("PUT", "/v1/tenants/zeta", {})).status, 201);
  assert.equal((await at("PUT", "/v1/resources/server-2", {})).status, 201);
  const ids = (got: Got) => got.body.data.map(({ id }: { id: string }) => id);
  assert.deepEqual(ids(await org.get("/v1/tenants")), ["acme", "zeta"]);
  assert.deepEqual(ids(await org.get("/v1/resources")), ["server-1", "server-2"]);
  const bound = await org.key("standard", { tenant_ids: ["acme"] });
  assert.deepEqual(ids(await org.get("/v1/tenants", bound)), ["acme"]);
  assert.equal((await at("DELETE", "/v1/tenants/acme")).status, 200);
  assert.deepEqual(ids(await org.get("/v1/tenants")), ["zeta"]);
  // A small document is one commit in the same generation.
  const patched = (await org.get("/v1/policy")).body;
  const small = await put(org, { resources: patched.resources.slice(0, 1) }, { node: other });
  assert.deepEqual(small.body.removed.resources, [{ id: "server-2" }]);
  assert.deepEqual(ids(await org.get("/v1/resources")), ["server-1"]);
  kv.close();
});

Deno.test("What a policy of several commits replaced is swept a minute later, and nothing else", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { kv } = countersign.services.deps;
  await put(org, { tools: [{ name: "old", annotations_acknowledged: true }] });
  for (const rules of [900, 910]) {
    const policy = new LargePolicy(10, rules);
    await put(org, policy.document());
    await sweep(countersign.services, countersign.clock.now + MINUTE - 1);
    assert.ok((await policyRows(kv, org.id)) > policy.rows, "who began before reads on");
    await sweep(countersign.services, countersign.clock.now + MINUTE);
    // The tool of before is archived.
    assert.equal(await policyRows(kv, org.id), policy.rows + 1);
    policy.assertIs(await org.get("/v1/policy"));
    assert.deepEqual(await dueKinds(org), []);
    await using fresh = await Countersign.start({ kv, secret: countersign.secret });
    policy.assertIs(await fresh.request("GET", "/v1/policy", { key: org.management }));
  }
});

Deno.test("A change in between is kept: the larger one is refused, and what it wrote is swept", async () => {
  for (const at of [2, 3, 4]) {
    await using countersign = await Countersign.start();
    const org = await countersign.org();
    const owner = await org.signedIn("owner");
    const { policy_version } = (await org.get("/v1/policy")).body;
    const rules = new LargePolicy(900, 900).document().rules.map(({ selector, note }) => ({
      selector: aSelector(selector),
      permission: "allowed" as const,
      note,
    }));
    let operations = 0;
    const transact: Transact = async (operation) => {
      if (++operations === at) {
        const put = { default_permission: "disabled" };
        assert.equal((await org.manage("PUT", "/v1/categories/reading", put)).status, 201);
      }
      return await org.as(owner, "configure", operation);
    };
    const options = { dry_run: false, request_id: "req_test" };
    await assert.rejects(
      applyPolicy(transact, { of: "whole", document: { rules } }, policy_version, options),
      (error) => error instanceof Refusal && error.code === "precondition_failed",
    );
    const { deps } = countersign.services;
    await sweep(countersign.services, countersign.clock.now);
    assert.equal(await policyRows(deps.kv, org.id), 1, "the category");
    assert.deepEqual(await dueKinds(org), []);
    const log = await verifiedLog(deps, org.id);
    const dropped = log.find(({ entry }) => entry.type === "policy.dropped")?.entry;
    const staged = log.find(({ entry }) => entry.type === "policy.staged");
    if (at > 2) assert.equal(dropped?.data.because, "precondition_failed");
    assert.equal(dropped?.data.generation, staged?.index);
  }
});

Deno.test("Of two large policies at once one becomes the policy, whole", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const version = (await org.get("/v1/policy")).headers.get("etag") ?? "";
  const policies = [new LargePolicy(50, 900), new LargePolicy(60, 950)];
  const answers = await Promise.all(
    policies.map((policy) => put(org, policy.document(), { version })),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
  const winner = policies[answers.findIndex(({ status }) => status === 200)] ?? assert.fail();
  winner.assertIs(await org.get("/v1/policy"));
  await sweep(countersign.services, countersign.clock.now + MINUTE);
  assert.equal(await policyRows(countersign.services.deps.kv, org.id), winner.rows);
});

Deno.test("Whichever commit a large policy ends at, it is the one before or the one after", async () => {
  for (let last = 1;; last++) {
    const kv = await Deno.openKv(":memory:");
    await using sound = await Countersign.start({ kv });
    const org = await sound.org();
    const before = new LargePolicy(10, 20);
    const after = new LargePolicy(30, 850);
    await put(org, before.document());
    const store = new FailingStore(kv);
    const { clock, secret } = sound;
    const node = await Countersign.start({
      kv: store,
      clock,
      secret,
      deps: { timer: store.timer },
    });
    let commits = 0;
    const version = (await org.get("/v1/policy")).headers.get("etag") ?? "";
    // The process is gone: nothing that it does reaches the store any more.
    store.fault = ({ kind }) =>
      commits >= last || (kind === "commit" && commits++ >= last) ? "fails" : null;
    const got = await put(org, after.document(), { node, version });
    await node[Symbol.asyncDispose]();

    const now = await org.get("/v1/policy");
    const applied = now.headers.get("etag") !== version;
    (applied ? after : before).assertIs(now);
    if (got.status === 200) assert.ok(applied, "what was answered is so");
    clock.advance(60 * MINUTE);
    await sweep(sound.services, clock.now);
    (applied ? after : before).assertIs(await org.get("/v1/policy"));
    assert.equal(await policyRows(kv, org.id), (applied ? after : before).rows, `commit ${last}`);
    assert.deepEqual(await dueKinds(org), []);
    await verifiedLog(sound.services.deps, org.id);
    kv.close();
    if (!applied) continue;
    assert.ok(last > 4, "it took several commits");
    return;
  }
});

Deno.test("An approval of a tool that a large policy changes is cancelled", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  const { id } = await it.pending();
  const { tools } = (await org.get("/v1/policy")).body;
  const policy = new LargePolicy(10, 900).document();
  const changed = tools.map((tool: { name: string }) =>
    tool.name === TOOL ? { ...tool, description: "another one" } : tool
  );
  const got = await put(org, { ...policy, tools: [...policy.tools, ...changed] });
  assert.equal(got.status, 200, got.text.slice(0, 500));
  await sweep(countersign.services, countersign.clock.now);
  assert.equal((await it.entries("approval.cancelled", id)).length, 1);
});

// Full size where there is time for it (`deno task test:long`); several commits all the same.
const [TOOLS, RULES] = runs(1).numRuns > 1 ? [5000, 20_000] : [1000, 4000];

Deno.test(`${TOOLS} tools and ${RULES} rules are one policy`, async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const policy = new LargePolicy(TOOLS, RULES);
  const applied = await put(org, policy.document());
  assert.equal(applied.status, 200, applied.text.slice(0, 500));
  const read = await org.get("/v1/policy");
  policy.assertIs(read);
  assert.equal((await put(org, read.body)).body.policy_version, read.body.policy_version);
  await sweep(countersign.services, countersign.clock.now + MINUTE);
  assert.equal(await policyRows(countersign.services.deps.kv, org.id), policy.rows);
  await verifiedLog(countersign.services.deps, org.id);
});

Deno.test("A policy may have 16 MiB, and no other body", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const padding = " ".repeat(16 * 1024 * 1024 - 2);
  assert.equal((await put(org, `{${padding}}`)).status, 200);
  assertProblem(await put(org, `{ ${padding}}`), 413, "payload_too_large");
  const rule = `{"selector":{"tool_name":"x"},"permission":"allowed"${" ".repeat(300 * 1024)}}`;
  assertProblem(await org.manage("PUT", "/v1/rules", rule), 413, "payload_too_large");
});

Deno.test("An organization sends one large policy at a time, and is told to try again", async () => {
  // A body that is waited for has its second by this timer.
  let waited = Promise.withResolvers<void>();
  const timer = (milliseconds: number) => {
    if (milliseconds === 1000) waited.resolve();
    return systemTimer(milliseconds);
  };
  await using countersign = await Countersign.start({ deps: { timer } });
  const org = await countersign.org();
  const version = (await org.get("/v1/policy")).headers.get("etag") ?? "";
  const large = `{${" ".repeat(300 * 1024)}}`;
  using first = await RawRequest.open(countersign.server.addr.port);
  const lines = [`X-API-Key: ${org.management}`, `If-Match: ${version}`, "Expect: 100-continue"];
  const start = head(countersign, "PUT /v1/policy", [...lines, `Content-Length: ${large.length}`]);
  waited = Promise.withResolvers();
  await first.send(start);
  await waited.promise;
  const buffer = new Uint8Array(1024);
  const size = await first.connection.read(buffer) ?? 0;
  assert.match(new TextDecoder().decode(buffer.subarray(0, size)), /^HTTP\/1\.1 100 Continue/);
  const refused = await put(org, large, { version });
  assertProblem(refused, 503, "overloaded");
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await put(org, {}, { version })).status, 200, "a usual body is none");
  await first.send(large);
  assert.equal((await first.answer()).status, 200);
  assert.equal((await put(org, large, { version })).status, 200);
});
