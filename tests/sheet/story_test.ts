import assert from "node:assert/strict";
import { approvalStory, type Story } from "../../lib/sheet/story.ts";
import { TOOL } from "../helpers/approval_org.ts";
import { DecisionOrg } from "../helpers/decision_org.ts";

const SECOND = 1000;

async function storyOf(it: DecisionOrg, id: string): Promise<Story> {
  const viewer = await it.person("viewer");
  const { record } = await viewer.see(id);
  const snapshot = await it.org.transact((transaction) => transaction.snapshot);
  return await approvalStory(it.countersign.services, snapshot, record);
}

const kinds = ({ steps }: Story) => steps.map(({ kind }) => kind);

Deno.test("approvalStory() tells of a request from its asking to the result of its run", async () => {
  await using it = await DecisionOrg.start();
  const { clock } = it.countersign;
  const start = clock.now;
  const ann = await it.person("owner");
  const { id } = await it.pending();
  const awaits: unknown[] = [(await storyOf(it, id)).awaits];
  clock.advance(SECOND);
  await it.ask();
  clock.advance(SECOND);
  await ann.approve(id);
  awaits.push((await storyOf(it, id)).awaits);
  clock.advance(SECOND);
  const { token, token_id } = (await it.mint(id)).body;
  awaits.push((await storyOf(it, id)).awaits);
  clock.advance(SECOND);
  await it.org.post("/v1/tokens/consume", { token, tool_name: TOOL });
  awaits.push((await storyOf(it, id)).awaits);
  clock.advance(SECOND);
  const report = { tool_name: TOOL, token, execution_result: "success", duration_ms: 12 };
  const execution = (await it.org.post("/v1/executions/log", report)).body.execution_id;

  const key = (await it.get(id)).body.requested_by;
  const by = { type: "api_key", id: key.id };
  assert.deepEqual(await storyOf(it, id), {
    steps: [
      { kind: "requested", at: start, by: key },
      { kind: "asked_again", at: start + SECOND },
      { kind: "approved", at: start + 2 * SECOND, level: 1, member: ann.id, asserted_by: null },
      { kind: "minted", at: start + 3 * SECOND, token: token_id },
      { kind: "consumed", at: start + 4 * SECOND, token: token_id, by, binding: "checked" },
      {
        kind: "result",
        at: start + 5 * SECOND,
        execution,
        result: "success",
        late: false,
        duration_ms: 12,
      },
    ],
    awaits: null,
    revocable: false,
  });
  assert.deepEqual(awaits, [
    { what: "decision", until: start + 3600 * SECOND },
    { what: "mint", until: start + 902 * SECOND },
    { what: "consume", until: start + 303 * SECOND },
    { what: "report", until: start + 3604 * SECOND },
  ]);
});

Deno.test("approvalStory() ends with what ended the request", async () => {
  await using it = await DecisionOrg.start();
  const { clock } = it.countersign;
  const ann = await it.person("owner");
  const ids: Record<string, string> = {};
  const ask = async (name: string) => ids[name] = (await it.pending({ method: name })).id;
  await ann.deny(await ask("denied"));
  await it.cancel(await ask("cancelled"));
  await ann.approve(await ask("lapsed"));
  await ann.approve(await ask("revoked"));
  await it.mint(ids.revoked ?? "", { method: "revoked" });
  await it.revoke(ids.revoked ?? "");
  await ann.approve(await ask("unspent"));
  await it.mint(ids.unspent ?? "", { method: "unspent" });
  const open = await storyOf(it, ids.unspent ?? "");
  assert.ok(open.revocable);
  await ask("expired");
  clock.advance(3600 * SECOND);

  const ends: Record<string, string[]> = {
    denied: ["requested", "denied"],
    cancelled: ["requested", "cancelled"],
    lapsed: ["requested", "approved", "lapsed"],
    revoked: ["requested", "approved", "minted", "token_revoked", "revoked"],
    unspent: ["requested", "approved", "minted", "token_expired"],
    expired: ["requested", "expired"],
  };
  for (const [name, expected] of Object.entries(ends)) {
    const story = await storyOf(it, ids[name] ?? "");
    assert.deepEqual(kinds(story), expected, name);
    assert.equal(story.awaits, null, name);
    assert.equal(story.revocable, false, name);
  }
});

Deno.test("approvalStory() shows both reports of a run that counted as unknown", async () => {
  await using it = await DecisionOrg.start();
  const ann = await it.person("owner");
  const { id } = await it.pending();
  await ann.approve(id);
  const { token } = (await it.mint(id)).body;
  await it.org.post("/v1/tokens/consume", { token, tool_name: TOOL });
  it.countersign.clock.advance(3600 * SECOND);
  await it.org.post("/v1/executions/log", { tool_name: TOOL, token, execution_result: "failed" });
  const { steps } = await storyOf(it, id);
  const results = steps.flatMap((step) => step.kind === "result" ? [[step.result, step.late]] : []);
  assert.deepEqual(results, [["unknown", false], ["failed", true]]);
});

Deno.test("approvalStory() says of a token that would be refused now that it waits for nobody", async () => {
  await using it = await DecisionOrg.start();
  const { clock } = it.countersign;
  const ann = await it.person("owner");
  const { id } = await it.pending();
  await ann.approve(id);
  await it.mint(id);
  const until = clock.now + 300 * SECOND;
  const stopped = { kill_switch: { active: true, reason: null } };
  assert.equal((await it.org.manage("PATCH", `/v1/tools/${TOOL}`, stopped)).status, 200);
  const { awaits, revocable } = await storyOf(it, id);
  assert.deepEqual([awaits, revocable], [{ what: "allowing", until }, true]);
  clock.advance(300 * SECOND);
  assert.equal((await storyOf(it, id)).awaits, null);
});
