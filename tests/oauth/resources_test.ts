import assert from "node:assert/strict";
import { putMember, removeMember } from "../../lib/people/members.ts";
import { rawCall } from "../helpers/mcp_client.ts";
import { fault, OAuthWorld } from "../helpers/oauth_world.ts";

/** Each endpoint is a resource of its own: what was granted for one opens no other. */

const GATEWAY = "/mcp/gateway";
const NOTES = `${GATEWAY}/notes`;

const R = "req_test";

const status = async (world: OAuthWorld, token: string, path: string) =>
  (await rawCall(world.people.countersign, "tools/list", {}, { token, path })).status;

/** What an authorization request is answered with at once. */
async function refusedAs(world: OAuthWorld, changes: Record<string, string | null>) {
  const response = await world.authorize(world.query(changes));
  await response.body?.cancel();
  const location = response.headers.get("location");
  return location === null ? null : new URL(location).searchParams.get("error");
}

Deno.test("the gateway, and each upstream by itself, say where tokens for them come from", async () => {
  await using world = await OAuthWorld.start();
  const { origin, people: { countersign } } = world;
  for (const path of [GATEWAY, NOTES]) {
    const at = `/.well-known/oauth-protected-resource${path}`;
    const { status, body } = await countersign.request("GET", at);
    assert.equal(status, 200);
    assert.deepEqual(body, {
      resource: `${origin}${path}`,
      authorization_servers: [origin],
      scopes_supported: ["mcp:run"],
      bearer_methods_supported: ["header"],
      resource_name: "Countersign",
    });
    const refused = await rawCall(countersign, "tools/list", {}, { path });
    assert.equal(refused.status, 401);
    assert.equal(
      refused.headers.get("www-authenticate"),
      `Bearer scope="mcp:run", resource_metadata="${origin}${at}"`,
    );
    const wrong = await rawCall(countersign, "tools/list", {}, { path, token: "cs_at_x" });
    assert.match(wrong.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token", /);
  }
  for (const name of ["No", "a.b", "-x", "x".repeat(33), "%2e%2e"]) {
    const at = `/.well-known/oauth-protected-resource${GATEWAY}/${name}`;
    assert.equal((await countersign.request("GET", at)).status, 404, name);
  }
});

Deno.test("audience: a token opens what it was granted for, and all tools those of each server", async () => {
  await using world = await OAuthWorld.start();
  const opened: Record<string, string[]> = {};
  for (const path of ["/mcp", GATEWAY, NOTES]) {
    world.path = path;
    const { access_token, refresh_token, scope } = await world.tokens();
    assert.equal(scope, world.scopes.join(" "));
    opened[path] = [];
    for (const at of ["/mcp", GATEWAY, NOTES, `${GATEWAY}/other`]) {
      if (await status(world, access_token, at) !== 401) opened[path].push(at);
    }
    const own = await world.refresh(refresh_token, { resource: `${world.resource}/` });
    assert.equal(own.status, 200, own.text);
    for (const other of ["/mcp", GATEWAY, NOTES, "/other"].filter((one) => one !== path)) {
      const { refresh_token } = own.body;
      const resource = `${world.origin}${other}`;
      fault(await world.refresh(refresh_token, { resource }), "invalid_target");
    }
    const later = await world.refresh(own.body.refresh_token);
    assert.equal(later.status, 200, "asking for another resource uses nothing up");
  }
  assert.deepEqual(opened, {
    "/mcp": ["/mcp"],
    [GATEWAY]: [GATEWAY, NOTES, `${GATEWAY}/other`],
    [NOTES]: [NOTES],
  });
});

Deno.test("audience: a code is for the resource that the person saw", async () => {
  await using world = await OAuthWorld.start();
  world.path = NOTES;
  const code = await world.code();
  for (const other of ["/mcp", GATEWAY]) {
    const resource = `${world.origin}${other}`;
    fault(await world.exchange(code, { resource }), "invalid_target");
  }
  assert.equal((await world.exchange(code)).status, 200);
});

Deno.test("scope: nobody is asked about what another resource has", async () => {
  await using world = await OAuthWorld.start();
  const gateway = `${world.origin}${GATEWAY}`;
  assert.equal(await refusedAs(world, { scope: "mcp:run" }), "invalid_scope");
  const both = { resource: gateway, scope: "mcp:read mcp:write" };
  assert.equal(await refusedAs(world, both), "invalid_scope");
  assert.equal(await refusedAs(world, { resource: `${gateway}/a/b` }), "invalid_target");
  assert.equal(await refusedAs(world, { resource: `${gateway}/../mcp` }), "invalid_target");
  world.path = GATEWAY;
  // As hosts ask that take all that the server has.
  const all = { scope: "mcp:read mcp:write mcp:run offline_access" };
  assert.equal((await world.tokens(all)).scope, "mcp:run");
  const more = await world.tick(world.query(), { scopes: ["mcp:run", "mcp:write"] });
  assert.equal(more.status, 422, more.text);
  // As hosts ask that know no `resource`: what runs tools is of the gateway alone.
  const { access_token } = await world.tokens({ resource: null });
  assert.equal(await status(world, access_token, GATEWAY), 200);
});

Deno.test("consent says what running tools means, and of which server alone", async () => {
  await using world = await OAuthWorld.start();
  const textOf = async () => {
    const page = await (await world.authorize(world.query())).text();
    return page.replaceAll(/<script[\s\S]*?<\/script>|<[^>]+>/g, " ").replaceAll(/\s+/g, " ");
  };
  world.path = GATEWAY;
  const all = await textOf();
  assert.match(all, /Run tools of connected servers/);
  assert.match(
    all,
    /in your name and reads what they answer: what the rules allow at once, without asking you/,
  );
  assert.doesNotMatch(all, /Tools of/);
  world.path = NOTES;
  assert.match(await textOf(), /Tools of the server notes alone/);
});

Deno.test("a connection to the gateway is for one organization", async () => {
  await using world = await OAuthWorld.start();
  world.path = GATEWAY;
  const second = await world.joined("owner");
  const two = await world.tick(world.query(), { orgs: [world.org, second.id] });
  assert.equal(two.status, 422, two.text);
  assert.equal(two.body.errors[0].path, "/orgs");
  await world.tokens({}, { orgs: [second.id] });
});

Deno.test("running tools takes the role of an approver, at consent and at each call", async () => {
  await using world = await OAuthWorld.start();
  world.path = GATEWAY;
  const viewing = await world.joined("viewer");
  const refused = await world.tick(world.query(), { orgs: [viewing.id] });
  assert.equal(refused.status, 403, refused.text);
  assert.equal(refused.body.code, "role_required");
  const org = await world.joined("approver");
  const { access_token } = await world.tokens({}, { orgs: [org.id] });
  assert.equal(await status(world, access_token, GATEWAY), 200);
  const owner = await org.signedIn("owner");
  const { email } = world.ruled.owner;
  const as = (role: "viewer" | "approver") =>
    org.as(owner, "manage_members", putMember(email, { role, groups: [] }, R));
  await as("viewer");
  assert.equal(await status(world, access_token, GATEWAY), 401);
  await as("approver");
  assert.equal(await status(world, access_token, GATEWAY), 200);
  await org.as(owner, "manage_members", removeMember(email, R));
  assert.equal(await status(world, access_token, GATEWAY), 401);
});
