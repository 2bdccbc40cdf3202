import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { agentKey } from "../../lib/store/keys.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type FixtureOptions } from "../helpers/countersign.ts";
import { HeldTimers, WAIT_MS } from "../helpers/held_timers.ts";
import {
  type Era,
  ERAS,
  McpClient,
  rawCall,
  rawPost,
  rawTool,
  resultOf,
} from "../helpers/mcp_client.ts";
import { StartedProcess } from "../helpers/started_process.ts";

const SECONDS = WAIT_MS / 1000;
const ASK = { tool_name: TOOL, reason: "it is old", wait_seconds: SECONDS };

function start(timers: HeldTimers, options: FixtureOptions = {}): Promise<ApprovalOrg> {
  return ApprovalOrg.start({ ...options, deps: { timer: timers.timer } });
}

/** The one pending request of the org. */
async function pendingOf(it: ApprovalOrg): Promise<{ id: string; reference: string }> {
  const { body } = await it.org.get("/v1/approvals?status=pending", it.org.approver);
  assert.equal(body.data.length, 1);
  return body.data[0];
}

/** A call made by hand in one era, so that a test sees when its connection goes. */
function callIn(
  era: Era,
  it: ApprovalOrg,
  token: string,
  args: JsonObject,
  signal?: AbortSignal,
) {
  const params = { name: "request_approval", arguments: args };
  if (era === "modern") {
    return rawCall(it.countersign, "tools/call", params, {
      token,
      ...(signal === undefined ? {} : { signal }),
    });
  }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  return rawPost(it.countersign, body, { authorization: `Bearer ${token}` }, signal);
}

for (const era of ERAS) {
  Deno.test(`a held call answers when somebody decides, and tells of its waiting (${era})`, async () => {
    const timers = new HeldTimers(WAIT_MS, 2);
    await using it = await start(timers);
    await using client = await McpClient.connect(it.countersign.origin, await it.org.agent(), era);
    const { promise: third, resolve } = Promise.withResolvers<void>();
    const told: { progress: number; message?: string | undefined }[] = [];
    const answer = client.call("request_approval", ASK, {
      onprogress(progress) {
        told.push(progress);
        if (told.length === 3) resolve();
      },
    });
    await third;
    const { id, reference } = await pendingOf(it);
    await it.decide(id, "approve");
    const { data, text } = await answer;
    assert.deepEqual([data.status, data.id], ["approved", id]);
    assert.match(text, /mint_run_token/);
    assert.deepEqual(told.slice(0, 3).map(({ progress }) => progress), [1, 2, 3]);
    for (const { message } of told) assert.match(message ?? "", new RegExp(reference));
  });

  Deno.test(`a held call ends with what is pending when its time is over (${era})`, async () => {
    await using it = await start(new HeldTimers(5));
    await using client = await McpClient.connect(it.countersign.origin, await it.org.agent(), era);
    const { data, text } = await client.call("request_approval", ASK);
    assert.equal(data.status, "pending");
    assert.match(text, /check_approval_status .* wait_seconds 45/);
    const waited = await client.call("check_approval_status", {
      reference: data.reference,
      wait_seconds: SECONDS,
    });
    assert.equal(waited.data.status, "pending");
  });

  Deno.test(`a disconnect ends the waiting and leaves the request, which is joined again (${era})`, async () => {
    const timers = new HeldTimers();
    await using it = await start(timers);
    const token = await it.org.agent();
    const gone = new AbortController();
    const broken = callIn(era, it, token, ASK, gone.signal);
    await timers.holding(1);
    const { id } = await pendingOf(it);
    gone.abort();
    await assert.rejects(broken);
    await timers.holding(0);
    assert.equal((await it.get(id)).body.status, "pending");
    const again = callIn(era, it, token, ASK);
    await timers.holding(1);
    await it.decide(id, "approve");
    assert.equal(resultOf(await again).structuredContent.id, id);
  });
}

Deno.test("a held call tells nothing to a client that does not ask to be told", async () => {
  await using it = await start(new HeldTimers(5, 1));
  const answer = await callIn("modern", it, await it.org.agent(), ASK);
  assert.equal(answer.messages.length, 1);
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  assert.equal(answer.headers.get("x-accel-buffering"), "no");
});

Deno.test("a held call ends when the request is withdrawn, or its time to be decided is over", async () => {
  const timers = new HeldTimers(WAIT_MS, 2);
  await using it = await start(timers);
  const token = await it.org.agent();
  const first = callIn("modern", it, token, ASK);
  await timers.holding(1);
  const { reference } = await pendingOf(it);
  await rawTool(it.countersign, token, "cancel_approval", { reference });
  assert.equal(resultOf(await first).structuredContent.status, "cancelled");

  const second = callIn("modern", it, token, ASK);
  await timers.holding(1);
  it.countersign.clock.advance(3_600_000);
  const { structuredContent } = resultOf(await second);
  assert.equal(structuredContent.status, "expired");
  assert.match(structuredContent.next, /Nobody decided in time/);
});

Deno.test("a held call sees what another node decides", async () => {
  const timers = new HeldTimers(WAIT_MS, 2);
  await using it = await start(timers);
  const { services, clock, secret } = it.countersign;
  await using other = await Countersign.start({ kv: services.deps.kv, clock, secret });
  const answer = callIn("modern", it, await it.org.agent(), ASK);
  await timers.holding(1);
  const { id } = await pendingOf(it);
  await other.request("POST", `/v1/approvals/${id}/decide`, {
    key: it.org.approver,
    body: { decision: "deny", decided_by: "ann@example.com" },
  });
  assert.equal(resultOf(await answer).structuredContent.status, "denied");
});

Deno.test("a held call ends when its agent is revoked", async () => {
  const timers = new HeldTimers(WAIT_MS, 2);
  await using it = await start(timers);
  const answer = callIn("modern", it, await it.org.agent(), ASK);
  await timers.holding(1);
  await it.org.transact((transaction) => {
    for (const id of transaction.snapshot.agents.keys()) {
      transaction.deletePolicy(agentKey(it.org.id, id));
    }
  });
  const { isError, structuredContent } = resultOf(await answer);
  assert.deepEqual([isError, structuredContent.code], [true, "invalid_credentials"]);
});

Deno.test("50 calls are held; what is asked beyond them is asked, and not waited for", async () => {
  const timers = new HeldTimers();
  await using it = await start(timers);
  const token = await it.org.agent();
  const asked = await callIn("modern", it, token, { ...ASK, wait_seconds: 0 });
  const { reference, id } = resultOf(asked).structuredContent;
  const waiting = { reference, wait_seconds: SECONDS };
  const held = Array.from(
    { length: 50 },
    () => rawTool(it.countersign, token, "check_approval_status", waiting),
  );
  await timers.holding(50);
  const beyond = await rawTool(it.countersign, token, "check_approval_status", waiting);
  assert.equal(resultOf(beyond).structuredContent.code, "too_many_pending");
  const other = await callIn("modern", it, token, { ...ASK, method: "OTHER" });
  assert.equal(resultOf(other).structuredContent.status, "pending");
  await it.decide(id, "approve");
  for (const answer of await Promise.all(held)) {
    assert.equal(resultOf(answer).structuredContent.status, "approved");
  }
});

Deno.test("SIGTERM answers what is held, the next start is asked again and joins it", async () => {
  const folder = await Deno.makeTempDir();
  const key = `cs_mgmt_${"0123456789".repeat(4)}`;
  const variables = { COUNTERSIGN_URL: "http://localhost", COUNTERSIGN_BOOTSTRAP_KEY: key };
  const answers: { status: string; id: string }[] = [];
  let token = "";
  for (let start = 0; start < 2; start++) {
    const { process, port } = await StartedProcess.listening(folder, variables);
    await using _process = process;
    using client = Deno.createHttpClient({ allowHost: true });
    const post = (path: string, headers: Record<string, string>, body: unknown) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        client,
        headers: { host: "localhost", "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    if (token === "") {
      const made = await post("/v1/agents", { "x-api-key": key }, { name: "agent" });
      token = (await made.json()).token;
    }
    const params = { name: "request_approval", arguments: { tool_name: "unknown", reason: "x" } };
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/json, text/event-stream",
    };
    // The head of the answer comes when the call is under way.
    const held = await post("/mcp", headers, call);
    process.signal("SIGTERM");
    const data = (await held.text()).split("\n").find((line) => line.startsWith("data: ")) ?? "";
    answers.push(JSON.parse(data.slice(6)).result.structuredContent);
    assert.equal((await process.ended()).code, 0);
  }
  const [first, second] = answers;
  assert.deepEqual([first?.status, second?.status], ["pending", "pending"]);
  assert.equal(second?.id, first?.id);
  await Deno.remove(folder, { recursive: true });
});
