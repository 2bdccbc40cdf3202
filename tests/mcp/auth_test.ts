import assert from "node:assert/strict";
import { bootstrap } from "../../lib/catalog/create_org.ts";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { agentKey, DEPLOYMENT_ORG, grantKey } from "../../lib/store/keys.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import {
  grantIn,
  type RawAnswer,
  rawCall,
  rawPost,
  rawTool,
  resultOf,
} from "../helpers/mcp_client.ts";
import { rawAnswer } from "../helpers/raw_request.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const PROBLEM = /^application\/problem\+json/;

/** The parameters of the challenge of a refusal. */
function challengeOf({ headers }: RawAnswer): Record<string, string> {
  const text = headers.get("www-authenticate") ?? "";
  assert.match(text, /^Bearer /);
  return Object.fromEntries([...text.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, k, v]) => [k, v]));
}

function metadataOf(countersign: Countersign): string {
  return `${countersign.origin}/.well-known/oauth-protected-resource/mcp`;
}

const list = (countersign: Countersign, token?: string) =>
  rawCall(countersign, "tools/list", {}, token === undefined ? {} : { token });

/** Removes every agent of an org. */
async function removeAgents(org: TestOrg): Promise<void> {
  await org.transact((transaction) => {
    for (const id of transaction.snapshot.agents.keys()) {
      transaction.deletePolicy(agentKey(org.id, id));
    }
  });
}

Deno.test("without a token nothing is answered but where to get one", async () => {
  await using countersign = await Countersign.start();
  for (const method of ["tools/list", "initialize", "server/discover", "ping"]) {
    const answer = await rawCall(countersign, method);
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get("content-type") ?? "", PROBLEM);
    assert.deepEqual(challengeOf(answer), {
      scope: "mcp:read mcp:write",
      resource_metadata: metadataOf(countersign),
    });
  }
});

Deno.test("a token that is not accepted is said to be invalid, whatever is wrong with it", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const expired = await org.agent({ expires_at: countersign.clock.now });
  const { token: old } = await grantIn([[org, "admin"]]);
  countersign.clock.advance(3_600_000);
  const tokens = [
    makeSecret("agent", systemRandom),
    makeSecret("access_token", systemRandom),
    expired,
    old,
    "nonsense",
    // Keys are for the API; which of them are good is not told here.
    org.standard,
    org.management,
    org.approver,
    makeSecret("standard", systemRandom),
  ];
  for (const token of tokens) {
    const answer = await list(countersign, token);
    assert.equal(answer.status, 401, token.slice(0, 8));
    const isKey = /^cs_(live|mgmt|appr)_/.test(token);
    assert.equal(/agent's token \(cs_agent_…\), or sign in/.test(answer.text), isKey, answer.text);
    assert.deepEqual(challengeOf(answer), {
      error: "invalid_token",
      scope: "mcp:read mcp:write",
      resource_metadata: metadataOf(countersign),
    });
  }
});

Deno.test("credentials come as a bearer token only", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const token = await org.agent();
  for (const headers of [{ "x-api-key": token }, { authorization: `Basic ${token}` }]) {
    const answer = await rawCall(countersign, "tools/list", {}, { headers });
    assert.equal(answer.status, 401);
  }
  assert.equal((await list(countersign, token)).status, 200);
});

Deno.test("an agent that is revoked is refused at once, and failed attempts are counted", async () => {
  await using countersign = await Countersign.start();
  await bootstrap(countersign.services);
  const org = await countersign.org();
  const token = await org.agent();
  assert.equal((await list(countersign, token)).status, 200);
  await removeAgents(org);
  assert.equal((await list(countersign, token)).status, 401);
  await countersign.services.failedAttempts.flush();
  const log = await verifiedLog(countersign.services.deps, DEPLOYMENT_ORG);
  const failed = log.map(({ entry }) => entry).filter(({ type }) => type === "auth.failed");
  assert.deepEqual(failed.map(({ data }) => data.count), [1]);
});

Deno.test("an agent has a limit of requests, and every message of a batch counts", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const token = await org.agent({ rate_limit_per_minute: 5 });
  const first = await list(countersign, token);
  assert.equal(first.headers.get("ratelimit"), '"minute";r=4;t=60');
  assert.match(first.headers.get("x-request-id") ?? "", /^req_/);
  assert.equal(first.headers.get("cache-control"), "no-store");
  const ping = { jsonrpc: "2.0", method: "ping" };
  const batch = JSON.stringify([1, 2, 3, 4].map((id) => ({ ...ping, id })));
  const headers = { authorization: `Bearer ${token}` };
  const answers = await rawPost(countersign, batch, headers);
  assert.equal(answers.status, 200);
  assert.equal(answers.headers.get("ratelimit"), '"minute";r=0;t=60');
  const over = await list(countersign, token);
  assert.equal(over.status, 429);
  assert.equal(over.headers.get("retry-after"), "60");
  countersign.clock.advance(60_000);
  const large = JSON.stringify(Array.from({ length: 90 }, (_, id) => ({ ...ping, id })));
  assert.equal((await rawPost(countersign, large, headers)).status, 429);
});

Deno.test("the use of agents and grants is noted, of a grant in the org that was called", async () => {
  await using it = await ApprovalOrg.start();
  const { countersign, org } = it;
  const second = await countersign.org();
  const token = await org.agent();
  const grant = await grantIn([[org, "admin"], [second, "admin"]]);
  await rawTool(countersign, token, "list_my_tools");
  await rawTool(countersign, grant.token, "list_my_tools", { org: org.id });
  countersign.clock.advance(1000);
  await rawTool(countersign, grant.token, "list_my_tools", { org: second.id });
  const { lastUsed } = countersign.services;
  const agent = await org.transact(({ snapshot }) => [...snapshot.agents.keys()][0] ?? "");
  const { now } = countersign.clock;
  for (const stored of [false, true]) {
    if (stored) await lastUsed.flush();
    assert.equal((await lastUsed.of(org.id, [agent])).get(agent), now - 1000);
    assert.equal((await lastUsed.of(org.id, [grant.id])).get(grant.id), now - 1000);
    assert.equal((await lastUsed.of(second.id, [grant.id])).get(grant.id), now);
  }
});

Deno.test("scope challenge: a tool that writes names every scope that is needed", async () => {
  await using it = await ApprovalOrg.start();
  const { token } = await grantIn([[it.org, "admin"]], ["mcp:read"]);
  const reading = { name: "check_permission", arguments: { tool_name: TOOL } };
  const asking = { ...reading, arguments: { ...reading.arguments, request: true, reason: "x" } };
  const calls = [
    asking,
    { name: "request_approval", arguments: { tool_name: TOOL, reason: "x" } },
    { name: "cancel_approval", arguments: { reference: "x" } },
    { name: "mint_run_token", arguments: { tool_name: TOOL } },
    { name: "log_execution", arguments: {} },
  ];
  for (const params of calls) {
    const answer = await rawCall(it.countersign, "tools/call", params, { token });
    assert.equal(answer.status, 403, params.name);
    assert.deepEqual(challengeOf(answer), {
      error: "insufficient_scope",
      scope: "mcp:read mcp:write",
      resource_metadata: metadataOf(it.countersign),
    });
  }
  // The same from a client of the years before, also in a batch.
  const legacy = [reading, asking].map((params, id) => ({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params,
  }));
  const headers = { authorization: `Bearer ${token}` };
  const batch = await rawPost(it.countersign, JSON.stringify(legacy), headers);
  assert.equal(batch.status, 403);
  const read = await rawCall(it.countersign, "tools/call", reading, { token });
  assert.equal(resultOf(read).structuredContent.permission, "requires_approval");
  assert.deepEqual(await it.entries("approval.created"), []);
});

Deno.test("scope challenge: a grant that may write only cannot read", async () => {
  await using it = await ApprovalOrg.start();
  const { token } = await grantIn([[it.org, "admin"]], ["mcp:write"]);
  const calls = [
    rawTool(it.countersign, token, "list_my_tools"),
    rawCall(it.countersign, "resources/read", { uri: "countersign://status" }, { token }),
  ];
  for (const answer of await Promise.all(calls)) {
    assert.equal(answer.status, 403);
    assert.equal(challengeOf(answer).scope, "mcp:read mcp:write");
  }
  const asked = await rawTool(it.countersign, token, "request_approval", {
    tool_name: TOOL,
    reason: "x",
    wait_seconds: 0,
  });
  assert.equal(resultOf(asked).structuredContent.status, "pending");
});

Deno.test("a grant that is revoked is refused at the next call, on every node", async () => {
  await using it = await ApprovalOrg.start();
  const { services, clock, secret } = it.countersign;
  const { token, id } = await grantIn([[it.org, "admin"]]);
  {
    // Nodes of one deployment have one address, and so one resource.
    const { origin } = it.countersign;
    const variables = { COUNTERSIGN_URL: origin };
    const shared = { kv: services.deps.kv, clock, secret, variables };
    await using other = await Countersign.start(shared);
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const ask = (node: Countersign) =>
      rawAnswer(
        node.server.addr.port,
        `POST /mcp HTTP/1.1\r\nhost: ${new URL(origin).host}\r\nconnection: close\r\n` +
          `authorization: Bearer ${token}\r\ncontent-type: application/json\r\n` +
          `accept: application/json, text/event-stream\r\n` +
          `content-length: ${body.length}\r\n\r\n${body}`,
      );
    for (const node of [it.countersign, other]) {
      assert.equal((await ask(node)).status, 200);
    }
    await it.org.transact((transaction) => {
      transaction.deletePolicy(grantKey(it.org.id, id));
    });
    for (const node of [it.countersign, other]) {
      assert.equal((await ask(node)).status, 401);
    }
  }
});
