import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { CallOrg, READ } from "../helpers/call_org.ts";
import { assertProblem } from "../helpers/refused.ts";
import { listedTool, notSent } from "../helpers/scripted_upstreams.ts";

const OPEN = {
  status: "approved",
  annotations_acknowledged: true,
  default_permission: "requires_approval",
};

const NONE = `sha256:${"0".repeat(64)}`;

/** An org one of whose tools its upstream defines in another way than was approved. */
async function drifted(): Promise<CallOrg> {
  const calls = await CallOrg.start();
  await redefine(calls, "Reads, and mails it.");
  assert.equal((await tool(calls)).status, "draft");
  return calls;
}

async function redefine({ org, upstreams }: CallOrg, description: string): Promise<void> {
  upstreams.tools = [listedTool("read", { description })];
  const got = await org.manage("POST", "/v1/upstreams/notes/refresh");
  assert.equal(got.status, 200, got.text);
}

async function tool({ org }: CallOrg, name = READ): Promise<JsonObject> {
  return (await org.get(`/v1/tools/${name}`)).body;
}

async function digestOf(calls: CallOrg): Promise<string> {
  const { upstream } = await tool(calls);
  return (upstream as { definition_digest: string }).definition_digest;
}

/** Every way over REST to say that a tool is approved. */
const WAYS: readonly [string, (calls: CallOrg, more: JsonObject) => Promise<{ status: number }>][] =
  [
    ["PATCH", ({ org }, more) => org.manage("PATCH", `/v1/tools/${READ}`, { ...OPEN, ...more })],
    ["PUT", ({ org }, more) => org.manage("PUT", `/v1/tools/${READ}`, { ...OPEN, ...more })],
    ["POST", ({ org }, more) => org.manage("POST", "/v1/tools", { name: READ, ...OPEN, ...more })],
    ["the policy in part", async ({ org }, more) => {
      const put = { tools: [{ name: READ, ...OPEN, ...more }] };
      return await org.manage("PATCH", "/v1/policy?dry_run=false", { put }, await match(org));
    }],
    ["the whole policy", async ({ org }, more) => {
      const tools = [{ name: READ, ...OPEN, ...more }];
      return await org.manage("PUT", "/v1/policy?dry_run=false", { tools }, await match(org));
    }],
  ];

async function match(org: CallOrg["org"]): Promise<Record<string, string>> {
  const { body } = await org.get("/v1/policy");
  return { "if-match": `"${body.policy_version}"` };
}

Deno.test("a definition that has changed is approved by its digest, and by nothing else", async (t) => {
  for (const [way, approve] of WAYS) {
    await t.step(way, async () => {
      await using calls = await drifted();
      const old = await digestOf(calls);
      assertProblem(await approve(calls, {}) as never, 409, "definition_changed");
      assertProblem(
        await approve(calls, { definition_digest: NONE }) as never,
        409,
        "definition_changed",
      );
      await redefine(calls, "Reads, mails it and forgets it.");
      // What was read is not what it is by now.
      assertProblem(
        await approve(calls, { definition_digest: old }) as never,
        409,
        "definition_changed",
      );
      assert.equal((await tool(calls)).status, "draft");
      const done = await approve(calls, { definition_digest: await digestOf(calls) });
      assert.equal(done.status, 200);
      const { status, upstream } = await tool(calls);
      assert.deepEqual([status, (upstream as JsonObject).definition_digest], [
        "approved",
        await digestOf(calls),
      ]);
    });
  }
});

Deno.test("a draft that stands as it was first offered is approved without a digest, one that has changed is not", async () => {
  await using calls = await CallOrg.start();
  const { org, upstreams } = calls;
  const offer = async (name: string, description: string) => {
    upstreams.tools = [listedTool(name, { description })];
    await org.manage("POST", "/v1/upstreams/notes/refresh");
  };
  await offer("new", "As it came.");
  const patch = (name: string, more = {}) =>
    org.manage("PATCH", `/v1/tools/notes/${name}`, { ...OPEN, ...more });
  assert.equal((await patch("new")).status, 200);
  await offer("other", "As it came.");
  await offer("other", "Otherwise.");
  assertProblem(await patch("other"), 409, "definition_changed");
  // Nor after a detour over another status.
  assert.equal((await patch("other", { status: "disabled" })).status, 200);
  assertProblem(await patch("other"), 409, "definition_changed");
  const { upstream } = await tool(calls, "notes/other");
  const { definition_digest } = upstream as { definition_digest: string };
  assert.equal((await patch("other", { definition_digest })).status, 200);
  // What is said of an approved tool needs none.
  assert.equal((await patch("other", { risk_level: "high" })).status, 200);
});

Deno.test("a draft of an upstream that has moved is not approved by what was read before", async () => {
  await using calls = await CallOrg.start();
  const { org, upstreams } = calls;
  upstreams.tools = [listedTool("new")];
  await org.manage("POST", "/v1/upstreams/notes/refresh");
  const { upstream } = await tool(calls, "notes/new");
  const { definition_digest } = upstream as { definition_digest: string };
  upstreams.notListed = { ...notSent("unreachable"), is: "not_listed" };
  const url = "https://elsewhere.example.com/mcp";
  await org.manage("PUT", "/v1/upstreams/notes", { kind: "mcp", url });
  for (const more of [{}, { definition_digest }]) {
    const got = await org.manage("PATCH", "/v1/tools/notes/new", { ...OPEN, ...more });
    assertProblem(got, 409, "definition_changed");
  }
});

Deno.test("a tool that runs at no upstream has no definition to name", async () => {
  await using calls = await CallOrg.start();
  const { org } = calls;
  assert.equal((await org.manage("PUT", "/v1/tools/own", OPEN)).status, 201);
  const named = await org.manage("PATCH", "/v1/tools/own", { definition_digest: NONE });
  assertProblem(named, 409, "definition_changed");
  const { definition_digest: _none, ...rest } = await tool(calls, "own");
  assert.ok(!("definition_digest" in rest) && _none === undefined);
});

Deno.test("what an upstream did is one line for who reads along, and no failure", async () => {
  const lines: [string, string, unknown][] = [];
  const log = (...line: [string, string, unknown?]) => void lines.push(line as never);
  await using calls = await CallOrg.start({ deps: { log: log as never } });
  lines.length = 0;
  calls.upstreams.answer = () => ({
    is: "unknown",
    why: "cut",
    says: "It went away with secret words.",
  });
  const got = await calls.call(READ, { reason: "It is asked for." });
  assertProblem(got, 504, "outcome_unknown");
  assert.equal(lines.length, 1, JSON.stringify(lines));
  const [[level, message, about] = []] = lines;
  assert.deepEqual([level, message], ["info", "An upstream gave no result"]);
  assert.deepEqual(
    { ...about as JsonObject, request_id: null },
    { request_id: null, route: "/v1/calls", code: "outcome_unknown", upstream: "notes" },
  );
});
