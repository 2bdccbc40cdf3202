import assert from "node:assert/strict";
import { type SignedIn, TestOrg } from "../helpers/countersign.ts";
import { fault, OAuthWorld } from "../helpers/oauth_world.ts";

function get(world: OAuthWorld, path: string, secret = world.ruled.entered.secret) {
  return world.people.countersign.request("GET", path, {
    headers: { cookie: `countersign_session=${secret}`, accept: "text/html" },
  });
}

async function send(
  world: OAuthWorld,
  form: Record<string, string>,
  secret = world.ruled.entered.secret,
): Promise<Response> {
  return await fetch(`${world.origin}/connections`, {
    method: "POST",
    redirect: "manual",
    headers: { cookie: `countersign_session=${secret}`, origin: world.origin },
    body: new URLSearchParams(form),
  });
}

async function grantOf(world: OAuthWorld, access_token: string): Promise<string> {
  return (await world.present(access_token))?.grant ?? assert.fail("no grant");
}

/** Somebody else in the owner's org, as a page sees them. */
async function other(
  world: OAuthWorld,
  role: "admin" | "approver" | "viewer",
  fresh = true,
): Promise<SignedIn> {
  return await new TestOrg(world.people.countersign, world.org).signedIn(role, { fresh });
}

Deno.test("Connections lists what a person lets programs do, and disconnects at once", async () => {
  await using world = await OAuthWorld.start();
  const empty = await get(world, "/connections");
  assert.equal(empty.status, 200);
  assert.match(empty.text, /Nothing is connected/);
  assert.ok(empty.text.includes(`${world.origin}/mcp`));
  world.client_id = await world.registered({ client_name: "<b>Editor</b>\u202E" });
  const { access_token, refresh_token } = await world.tokens();
  world.services.lastUsed.note(world.org, await grantOf(world, access_token), world.clock.now);
  const page = (await get(world, "/connections")).text;
  assert.ok(!page.includes("<b>Editor") && page.includes("&lt;b>Editor"));
  assert.match(page, /U\+202E/);
  assert.match(page, /unverified/);
  assert.match(page, /See and ask, Request and run/);
  assert.match(page, /Acme/);
  assert.ok(!/Never used/i.test(page));
  const id = await grantOf(world, access_token);
  const done = await send(world, { do: "revoke", id });
  assert.equal(done.status, 303);
  assert.equal(done.headers.get("location"), "/connections");
  await done.body?.cancel();
  assert.equal(await world.present(access_token), null);
  fault(await world.refresh(refresh_token), "invalid_grant");
  const again = await send(world, { do: "revoke", id });
  assert.equal(again.status, 404);
  await again.body?.cancel();
});

Deno.test("Connections of others show to who manages members, and end there under a passkey", async () => {
  await using world = await OAuthWorld.start();
  const joined = await world.joined("admin");
  const { access_token } = await world.tokens({}, { orgs: [world.org, joined.id] });
  const id = await grantOf(world, access_token);
  for (const role of ["viewer", "approver"] as const) {
    const { secret } = await other(world, role);
    assert.equal((await get(world, "/connections", secret)).status, 200);
    assert.equal((await get(world, "/connections?of=members", secret)).status, 403);
    const refused = await send(world, { do: "revoke_of_member", id }, secret);
    assert.equal(refused.status, 403);
    await refused.body?.cancel();
    const notTheirs = await send(world, { do: "revoke", id }, secret);
    assert.equal(notTheirs.status, 404);
    await notTheirs.body?.cancel();
  }
  const stale = await other(world, "admin", false);
  const confirm = await send(world, { do: "revoke_of_member", id }, stale.secret);
  assert.match(await confirm.text(), /Confirm it is you/);
  assert.equal((await world.present(access_token))?.orgs.length, 2);
  const admin = await other(world, "admin");
  const page = (await get(world, "/connections?of=members", admin.secret)).text;
  assert.match(page, /jo@example\.com/);
  const done = await send(world, { do: "revoke_of_member", id }, admin.secret);
  assert.equal(done.status, 303);
  await done.body?.cancel();
  assert.deepEqual((await world.present(access_token))?.orgs.map((org) => org.id), [joined.id]);
  const own = (await get(world, "/connections")).text;
  assert.ok(own.includes(id));
});

Deno.test("Connections page through hundreds", async () => {
  await using world = await OAuthWorld.start();
  const { access_token } = await world.tokens();
  const id = await grantOf(world, access_token);
  const { kv } = world.services.deps;
  const { value } = await kv.get<Record<string, unknown>>(["oauth_grant", world.account, id]);
  for (let i = 0; i < 120; i++) {
    const copy = world.services.ids.make("grt", world.clock.now + i);
    await kv.set(["oauth_grant", world.account, copy], { ...value, id: copy });
  }
  let path: string | undefined = "/connections";
  let rows = 0;
  for (let pages = 0; path !== undefined; pages++) {
    assert.ok(pages < 4);
    const { text } = await get(world, path);
    rows += [...text.matchAll(/name="id" value="grt_/g)].length;
    path = /href="(\/connections\?cursor=[^"]+)"/.exec(text)?.[1];
  }
  assert.equal(rows, 121);
});
