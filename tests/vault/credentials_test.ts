import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { CallOrg, OFFERED, READ, WIPE } from "../helpers/call_org.ts";
import { type Got, TestClock } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { type Asked, UpstreamServer } from "../helpers/upstream_server.ts";

/** The life of a credential that calls carry, over real HTTP on both sides. */

const SECRET = "tok_4eC39HqLyjWDarjtT1zdp7dc";

const NEXT = "tok_9fJ20PwMzkXEbskuU2aeq8ed";

/** A server that lets nobody in who does not show one of these. */
class LockedServer extends UpstreamServer {
  taken: readonly string[] = [`Bearer ${SECRET}`];

  constructor(era: "modern" | "legacy" = "modern", readonly shown = showsHeader) {
    super({
      era,
      tools: OFFERED,
      answer: (asked) =>
        this.taken.includes(this.shown(asked) ?? "") ? null : new Response(null, { status: 401 }),
    });
  }

  get origin(): string {
    return new URL(this.url).origin;
  }
}

function showsHeader({ headers }: Asked): string | null {
  return headers.get("authorization");
}

const made = (server: LockedServer, fields: JsonObject = {}): JsonObject => ({
  name: "Notes",
  kind: "bearer",
  origins: [server.origin],
  secret: SECRET,
  ...fields,
});

/** An org that calls a locked server with a credential. */
async function lockedOrg(server: LockedServer, fields: JsonObject = {}, clock = new TestClock()) {
  const variables = { COUNTERSIGN_PRIVATE_HOSTS: server.host };
  const it = await CallOrg.started({ variables, clock });
  const { status, body, text } = await it.org.manage(
    "POST",
    "/v1/credentials",
    made(server, fields),
  );
  assert.equal(status, 201, text);
  await it.named({ url: server.url, credential: { credential_id: body.id } });
  return { it, id: body.id as string };
}

const reading = (got: Got) => got.body.result.content[0].text;

for (const era of ["modern", "legacy"] as const) {
  Deno.test(`vault, ${era}: a server that lets nobody in is listed and called with its credential`, async () => {
    await using server = new LockedServer(era);
    const { it, id } = await lockedOrg(server);
    await using _it = it;
    const got = await it.call(READ, { arguments: { id: "n1" } });
    assert.equal(got.status, 200, got.text);
    assert.equal(reading(got), `{"id":"n1"}`);
    assert.ok(server.asked.every((asked) => showsHeader(asked) === `Bearer ${SECRET}`));
    const upstream = await it.org.manage("GET", "/v1/upstreams/notes");
    assert.deepEqual(upstream.body.credential, { mode: "org", credential_id: id, state: "ready" });
    const { body } = await it.org.manage("GET", `/v1/credentials/${id}`);
    assert.deepEqual(body, {
      id,
      name: "Notes",
      kind: "bearer",
      origins: [server.origin],
      owner: "org",
      state: "ready",
      last_used_at: body.last_used_at,
      rotated_at: null,
      created_at: body.created_at,
    });
    assert.notEqual(body.last_used_at, null);
    await it.log();
  });
}

const KINDS = [
  {
    fields: { kind: "header", header: "X-Api-Key" },
    secret: SECRET,
    shown: ({ headers }: Asked) => headers.get("x-api-key"),
    taken: SECRET,
  },
  {
    fields: { kind: "basic" },
    secret: `ann:${SECRET}`,
    shown: showsHeader,
    taken: `Basic ${btoa(`ann:${SECRET}`)}`,
  },
];

for (const { fields, secret, shown, taken } of KINDS) {
  Deno.test(`vault: a credential of kind ${fields.kind} is sent as its kind says`, async () => {
    await using server = new LockedServer("modern", shown);
    server.taken = [taken];
    const { it } = await lockedOrg(server, { ...fields, secret });
    await using _it = it;
    const got = await it.call(READ);
    assert.equal(got.status, 200, got.text);
  });
}

Deno.test("vault: a credential of kind query goes into the address", async () => {
  const asked: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    asked.push(request.url);
    return new Response(null, { status: 500 });
  });
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const variables = { COUNTERSIGN_PRIVATE_HOSTS: new URL(origin).host };
  await using it = await CallOrg.started({ variables });
  const { body } = await it.org.manage("POST", "/v1/credentials", {
    name: "a",
    kind: "query",
    parameter: "api_key",
    secret: `${SECRET}&x=1`,
    origins: [origin],
  });
  await it.org.manage("PUT", "/v1/upstreams/notes", {
    kind: "mcp",
    url: `${origin}/mcp?team=1&api_key=none`,
    credential: { credential_id: body.id },
  });
  await server.shutdown();
  assert.ok(asked.length > 0);
  for (const url of asked) {
    assert.equal(new URL(url).search, `?team=1&api_key=${SECRET}%26x%3D1`);
  }
});

Deno.test("vault: what is wrong about a credential is said, and none is made", async () => {
  await using server = new LockedServer();
  await using it = await CallOrg.started({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
  });
  const wrong: readonly (readonly [JsonObject, string])[] = [
    [{ secret: "short" }, "/secret"],
    [{ secret: "with a space in it" }, "/secret"],
    [{ secret: "with\nline ends in it" }, "/secret"],
    [{ kind: "basic", secret: "no-colon-in-it" }, "/secret"],
    [{ kind: "basic", secret: "ann:short" }, "/secret"],
    [{ kind: "header", header: "host" }, "/header"],
    [{ kind: "header", header: "mcp-session-id" }, "/header"],
    [{ kind: "header" }, "/header"],
    [{ kind: "bearer", header: "x-a" }, "/header"],
    [{ kind: "query" }, "/parameter"],
    [{ origins: [] }, "/origins"],
    [{ origins: [`${server.origin}/`] }, "/origins/0"],
    [{ origins: [`${server.origin}/mcp`] }, "/origins/0"],
    [{ origins: ["http://api.example.com"] }, "/origins/0"],
    [{ origins: ["https://api.example.com:8443"] }, "/origins/0"],
    [{ origins: ["https://127.0.0.1"] }, "/origins/0"],
    [{ origins: ["https://*.example.com"] }, "/origins/0"],
    [{ origins: ["https://a.example.com", "https://a.example.com"] }, "/origins"],
    [{ owner: "", more: 1 }, "/more"],
  ];
  for (const [fields, path] of wrong) {
    const got = await it.org.manage("POST", "/v1/credentials", made(server, fields));
    assertProblem(got, 422, "invalid_request");
    const paths = got.body.errors.map((error: { path: string }) => error.path);
    assert.ok(path === "" || paths.includes(path), `${JSON.stringify(fields)}: ${got.text}`);
    assert.ok(!got.text.includes(SECRET), got.text);
  }
  const member = made(server, { owner: "usr_01kdvdna00e000000000000000" });
  assertProblem(await it.org.manage("POST", "/v1/credentials", member), 403, "owner_required");
  assert.deepEqual((await it.org.manage("GET", "/v1/credentials")).body.data, []);
});

Deno.test("attack: a credential is pointed at another origin, by whoever saves the upstream", async () => {
  await using server = new LockedServer();
  await using other = new LockedServer();
  const variables = { COUNTERSIGN_PRIVATE_HOSTS: `${server.host},${other.host}` };
  await using it = await CallOrg.started({ variables });
  const { body } = await it.org.manage("POST", "/v1/credentials", made(server));
  const credential = { credential_id: body.id };
  const elsewhere = [
    other.url,
    server.url.replace("127.0.0.1", "localhost"),
    server.url.replace("http:", "https:"),
    "https://notes.example.com/mcp",
  ];
  for (const url of elsewhere) {
    const got = await it.org.manage("PUT", "/v1/upstreams/notes", { kind: "mcp", url, credential });
    if (got.body.code === "invalid_request") continue;
    assertProblem(got, 422, "credential_not_for_origin");
    assert.deepEqual(got.body.origins, [server.origin]);
  }
  await it.named({ url: server.url, credential });
  const moved = { kind: "mcp", url: other.url, credential };
  assertProblem(
    await it.org.manage("PUT", "/v1/upstreams/notes", moved),
    422,
    "credential_not_for_origin",
  );
  const unknown = { kind: "mcp", url: server.url, credential: { credential_id: "crd_none" } };
  assertProblem(await it.org.manage("PUT", "/v1/upstreams/notes", unknown), 422, "invalid_request");
  assert.deepEqual(other.asked, []);
});

Deno.test("vault: another credential is drift: every tool is closed, and what waits is cancelled", async () => {
  await using server = new LockedServer();
  const { it } = await lockedOrg(server);
  await using _it = it;
  const waiting = await it.call(WIPE);
  assert.equal(waiting.status, 202);
  const before = (await it.org.get("/v1/upstreams/notes/tools")).body.data;
  server.taken = [`Bearer ${SECRET}`, `Bearer ${NEXT}`];
  const second = await it.org.manage("POST", "/v1/credentials", made(server, { secret: NEXT }));
  await it.put({ url: server.url, credential: { credential_id: second.body.id } });
  const after = (await it.org.get("/v1/upstreams/notes/tools")).body.data;
  for (const [i, tool] of after.entries()) {
    assert.equal(tool.status, "draft");
    assert.notEqual(tool.definition_digest, before[i].definition_digest);
  }
  const { body } = await it.it.get(waiting.body.approval.id);
  assert.equal(body.status, "cancelled");
  // Also where the server does not say what it offers to whom that is.
  await it.approve();
  server.taken = [];
  const third = await it.org.manage("POST", "/v1/credentials", made(server, { secret: NEXT }));
  const put = await it.org.manage("PUT", "/v1/upstreams/notes", {
    kind: "mcp",
    url: server.url,
    credential: { credential_id: third.body.id },
  });
  assertProblem(put, 502, "upstream_unreachable");
  for (const { status } of (await it.org.get("/v1/upstreams/notes/tools")).body.data) {
    assert.equal(status, "draft");
  }
});

Deno.test("vault: rotated, the new secret is shown; the one before is tried after a 401, while it may be", async () => {
  const clock = new TestClock();
  await using server = new LockedServer("modern");
  const { it, id } = await lockedOrg(server, {}, clock);
  await using _it = it;
  assert.equal((await it.call(READ)).status, 200);
  const rotate = (body: JsonObject) => it.org.manage("POST", `/v1/credentials/${id}/rotate`, body);
  assertProblem(await rotate({ secret: "short" }), 422, "invalid_request");
  assertProblem(await rotate({ secret: NEXT, overlap_seconds: 86_401 }), 422, "invalid_request");
  const rotated = await rotate({ secret: NEXT, overlap_seconds: 600 });
  assert.equal(rotated.status, 200, rotated.text);
  assert.notEqual(rotated.body.rotated_at, null);
  // The server does not know the new one yet.
  server.asked.length = 0;
  const got = await it.call(READ);
  assert.equal(got.status, 200, got.text);
  assert.deepEqual(
    [...new Set(server.asked.map(showsHeader))],
    [`Bearer ${NEXT}`, `Bearer ${SECRET}`],
  );
  const before = server.ran;
  server.taken = [`Bearer ${NEXT}`];
  server.asked.length = 0;
  assert.equal((await it.call(READ)).status, 200);
  assert.equal(server.ran, before + 1);
  assert.deepEqual([...new Set(server.asked.map(showsHeader))], [`Bearer ${NEXT}`]);
  // Nothing but the new one is shown once the time of the other is over.
  clock.advance(600_000);
  server.taken = [`Bearer ${SECRET}`];
  server.asked.length = 0;
  const late = await it.call(WIPE);
  assert.equal(late.status, 202, late.text);
  await it.yes(late);
  assertProblem(await it.call(WIPE), 409, "credential_missing");
  assert.deepEqual([...new Set(server.asked.map(showsHeader))], [`Bearer ${NEXT}`]);
  // The permission was given back.
  server.taken = [`Bearer ${NEXT}`];
  assert.equal((await it.call(WIPE)).status, 200);
  await it.log();
});

Deno.test("vault: without an overlap the secret before is gone at once", async () => {
  await using server = new LockedServer();
  const { it, id } = await lockedOrg(server);
  await using _it = it;
  await it.org.manage("POST", `/v1/credentials/${id}/rotate`, { secret: NEXT });
  server.asked.length = 0;
  assertProblem(await it.call(READ), 409, "credential_missing");
  assert.ok(server.asked.every((asked) => showsHeader(asked) === `Bearer ${NEXT}`));
});

Deno.test("vault: removed, it goes nowhere from that commit on, and calls are refused before anything is sent", async () => {
  await using server = new LockedServer();
  const { it, id } = await lockedOrg(server);
  await using _it = it;
  assert.equal((await it.call(READ)).status, 200);
  const removed = await it.org.manage("DELETE", `/v1/credentials/${id}`);
  assert.equal(removed.status, 200, removed.text);
  server.asked.length = 0;
  const refused = await it.call(READ, { call_key: "k" });
  assertProblem(refused, 409, "credential_missing");
  assert.deepEqual(server.asked, []);
  const upstream = await it.org.manage("GET", "/v1/upstreams/notes");
  assert.equal(upstream.body.credential.state, "missing");
  assertProblem(await it.org.manage("GET", `/v1/credentials/${id}`), 404, "not_found");
  assertProblem(await it.org.manage("DELETE", `/v1/credentials/${id}`), 404, "not_found");
  const rotate = await it.org.manage("POST", `/v1/credentials/${id}/rotate`, { secret: NEXT });
  assertProblem(rotate, 404, "not_found");
  // Its key is free: nothing was sent.
  const made2 = await it.org.manage("POST", "/v1/credentials", made(server));
  await it.put({ url: server.url, credential: { credential_id: made2.body.id } });
  await it.approve();
  assert.equal((await it.call(READ, { call_key: "k" })).status, 200);
  const types = (await it.log()).map(({ entry }) => entry.type);
  const told = types.filter((type) => type.startsWith("credential."));
  assert.deepEqual(told, ["credential.created", "credential.deleted", "credential.created"]);
});
