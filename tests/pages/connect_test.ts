import assert from "node:assert/strict";
import { GATEWAY_WAY_KEYS, gatewayWays } from "../../lib/onboarding/gateway_ways.ts";
import { TOKEN_VARIABLE } from "../../lib/onboarding/programs.ts";
import { CallOrg, READ } from "../helpers/call_org.ts";
import { Countersign } from "../helpers/countersign.ts";
import { runPrinted } from "../helpers/printed_program.ts";
import { listedTool, ScriptedUpstreams } from "../helpers/scripted_upstreams.ts";
import { Visitor } from "../helpers/visitor.ts";

Deno.test("without an upstream the page says what comes first, and to whom it can't", async () => {
  const upstreams = new ScriptedUpstreams();
  upstreams.tools = [listedTool("read")];
  await using countersign = await Countersign.start({ deps: { upstreams } });
  const org = await countersign.org();
  const owner = await Visitor.of(org, "owner");
  const first = await owner.get("/connect");
  assert.match(first.text, /There is no upstream yet/);
  assert.match(first.html, /href="\/upstreams#add"/);
  const approver = await Visitor.of(org, "approver", { email: "a@example.com" });
  const theirs = await approver.get("/connect");
  assert.match(theirs.text, /An owner or admin does that.*ask an owner or admin for one/);
  assert.doesNotMatch(theirs.html, /href="\/upstreams#add"/);
  const url = "https://notes.example.com/mcp";
  await org.manage("PUT", "/v1/upstreams/notes", { kind: "mcp", url });
  const drafts = await owner.get("/connect");
  assert.match(drafts.text, /None of the tools is approved/);
  assert.match(drafts.html, /href="\/upstreams\/notes"/);
});

Deno.test("each host has an address of its own with the deployment's real URL, by token and by sign-in", async () => {
  await using calls = await CallOrg.start();
  const owner = await Visitor.of(calls.org, "owner", { email: "o@example.com" });
  const { origin } = calls.it.countersign;
  for (const key of GATEWAY_WAY_KEYS) {
    const all = await owner.get(`/connect?with=${key}`);
    const one = await owner.get(`/connect?with=${key}&upstream=notes`);
    const [shared, own] = key === "curl"
      ? [`${origin}/v1/calls`, `${origin}/v1/calls`]
      : [`${origin}/mcp/gateway`, `${origin}/mcp/gateway/notes`];
    assert.ok(all.text.includes(shared), `${key}: ${shared}`);
    assert.ok(one.text.includes(own), `${key}: ${own}`);
    if (key === "curl") assert.ok(one.text.includes(`"tool_name":"${READ}"`), one.text);
    else assert.match(one.text, /Or act as yourself/);
    assert.doesNotMatch(all.html, /cs_agent_[0-9A-Za-z]{8}/, "no token stands on it");
  }
  const odd = await owner.get("/connect?with=nothing&upstream=..%2F..");
  assert.equal(odd.status, 200);
  assert.match(odd.text, /Claude Code/);
});

Deno.test("what is copied for an upstream names it, and points nowhere else", () => {
  const origin = "https://countersign.example.com";
  for (const [upstream, name] of [[null, "gateway"], ["notes", "notes"]] as const) {
    const url = `${origin}/mcp/gateway${upstream === null ? "" : `/${upstream}`}`;
    for (const { key, blocks, signIn } of gatewayWays(origin, { upstream, tool: READ })) {
      const texts = [...blocks, ...signIn].map(({ text }) => text);
      const addresses = texts.flatMap((text) => text.match(/https?:[^\s"']+/g) ?? []);
      const places = new Set(addresses.map((address) => address.replace(/\.$/, "")));
      assert.deepEqual([...places], [key === "curl" ? `${origin}/v1/calls` : url], key);
      for (const text of texts.filter((one) => one.startsWith("{"))) {
        const { mcpServers, servers } = JSON.parse(text);
        assert.deepEqual(Object.keys(mcpServers ?? servers), [name], key);
      }
    }
  }
});

Deno.test("the curl that is shown runs the call", async () => {
  await using calls = await CallOrg.start();
  const { origin } = calls.it.countersign;
  const token = await calls.org.agent({ name: "runner" });
  const way = gatewayWays(origin, { upstream: "notes", tool: READ })
    .find(({ key }) => key === "curl");
  const { code, out, err } = await runPrinted(way?.blocks[0]?.text ?? "", {
    env: { [TOKEN_VARIABLE]: token },
  });
  assert.equal(code, 0, err);
  const { status, result } = JSON.parse(out);
  assert.deepEqual([status, result.content[0].text], ["completed", "done"]);
  assert.equal(calls.sent, 1);
});
