import assert from "node:assert/strict";
import { asGrant } from "../../lib/identity/grant_caller.ts";
import { GRACE_MS } from "../../lib/oauth/refresh.ts";
import { accountGrantKey } from "../../lib/store/keys.ts";
import { type AccountGrant, accountGrant, type Scope } from "../../lib/store/records/oauth.ts";
import { formatLogLine } from "../../lib/store/system.ts";
import { rawCall } from "../helpers/mcp_client.ts";
import { fault, OAuthWorld, VERIFIER } from "../helpers/oauth_world.ts";
import { refused } from "../helpers/refused.ts";

const list = (world: OAuthWorld, token: string) =>
  rawCall(world.people.countersign, "tools/list", {}, { token });

/** Has a grant be for another address, as after a deployment moved. */
async function moved(world: OAuthWorld, access_token: string): Promise<void> {
  const access = await world.present(access_token) ?? assert.fail("no token");
  const key = [...accountGrantKey(access.account, access.grant)];
  const { kv } = world.services.deps;
  const grant: AccountGrant = accountGrant.parse((await kv.get(key)).value);
  await kv.set(key, { ...grant, resource: "https://elsewhere.example/mcp" });
}

Deno.test("token substitution: each credential opens its own doors only", async () => {
  await using world = await OAuthWorld.start();
  const { access_token, refresh_token } = await world.tokens();
  const code = await world.code();
  const agent = await (await world.joined("owner")).agent();
  for (const token of [refresh_token, code, VERIFIER]) {
    assert.equal((await list(world, token)).status, 401);
  }
  for (const token of [access_token, agent, code]) {
    fault(await world.refresh(token), "invalid_grant");
  }
  for (const token of [access_token, refresh_token, agent]) {
    fault(await world.exchange(token), "invalid_grant");
  }
  for (const token of [access_token, refresh_token, code]) {
    const got = await world.people.countersign.request("GET", "/v1/tools", {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(got.status, 401);
  }
  // Taking back what is no token of a client takes nothing back.
  assert.equal((await world.form("/oauth/revoke", { token: agent })).status, 200);
  assert.equal((await world.form("/oauth/revoke", { token: code })).status, 200);
  assert.equal((await list(world, agent)).status, 200);
  assert.equal((await list(world, access_token)).status, 200);
  assert.equal((await world.exchange(code)).status, 200);
});

Deno.test("scope: a token for reading writes nothing, whatever else its connection was given for", async () => {
  await using world = await OAuthWorld.start();
  const { access_token } = await world.tokens();
  const access = await world.present(access_token) ?? assert.fail("no token");
  const write = (scopes: readonly Scope[]) => {
    const presented = { org: world.org, grant: access.grant, scopes };
    const operation = asGrant(presented, "mcp:write", { plan: () => "written" });
    return world.services.ledgers.transact(world.org, operation);
  };
  assert.equal(await write(["mcp:read", "mcp:write"]), "written");
  await refused(write(["mcp:read"]), "insufficient_scope");
});

Deno.test("audience: a token for another resource is good for nothing here, and gives no other", async () => {
  await using world = await OAuthWorld.start();
  const { access_token, refresh_token } = await world.tokens();
  assert.equal((await list(world, access_token)).status, 200);
  await moved(world, access_token);
  const answer = await list(world, access_token);
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  fault(await world.refresh(refresh_token), "invalid_grant");
});

Deno.test("grace abuse: a used refresh token gives another client nothing, and nobody after the end", async () => {
  await using world = await OAuthWorld.start();
  const thief = await world.registered();
  const { refresh_token } = await world.tokens();
  const { body: second } = await world.refresh(refresh_token);
  fault(await world.refresh(refresh_token, { client_id: thief }), "invalid_grant");
  // A stranger's try is no reuse: the owner goes on.
  assert.equal((await world.refresh(refresh_token)).body.refresh_token, second.refresh_token);
  await world.form("/oauth/revoke", { token: second.refresh_token });
  fault(await world.refresh(refresh_token), "invalid_grant");
  fault(await world.refresh(second.refresh_token), "invalid_grant");
  assert.equal((await list(world, second.access_token)).status, 401);
});

Deno.test("grace abuse: it is counted from the first use, however often it is asked for", async () => {
  await using world = await OAuthWorld.start();
  const { refresh_token } = await world.tokens();
  await world.refresh(refresh_token);
  world.clock.advance(GRACE_MS - 1);
  const { body: last } = await world.refresh(refresh_token);
  assert.equal((await list(world, last.access_token)).status, 200);
  world.clock.advance(1);
  fault(await world.refresh(refresh_token), "invalid_grant");
  assert.equal((await list(world, last.access_token)).status, 401, "its second use ended all");
});

Deno.test("no line of the process's log holds a code, a token or a verifier", async () => {
  const lines: string[] = [];
  await using world = await OAuthWorld.start({
    variables: { COUNTERSIGN_LOG: "access" },
    deps: { log: (...line) => void lines.push(formatLogLine(new Date(0), ...line)) },
  });
  const code = await world.code();
  const { body: first } = await world.exchange(code);
  const { body: second } = await world.refresh(first.refresh_token);
  await world.exchange(code);
  await world.refresh(second.access_token);
  await list(world, first.access_token);
  await list(world, first.refresh_token);
  await rawCall(
    world.people.countersign,
    "tools/call",
    { name: "log_execution", arguments: { token: second.access_token, tool_name: 1 } },
    { token: second.access_token },
  );
  await world.form("/oauth/revoke", { token: second.refresh_token });
  assert.ok(lines.length > 5, "requests are logged");
  const all = lines.join("\n");
  const { access_token, refresh_token } = first;
  for (
    const secret of [
      code,
      VERIFIER,
      access_token,
      refresh_token,
      second.access_token,
      second.refresh_token,
    ]
  ) assert.ok(!all.includes(secret));
});
