import assert from "node:assert/strict";
import type { ChannelKind } from "../../lib/store/records/channel.ts";
import { CHANNEL_KINDS } from "../../lib/channels/kinds.ts";
import { settle } from "../helpers/alerted.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { assertProblem } from "../helpers/refused.ts";
import { Visitor } from "../helpers/visitor.ts";

/** All providers at one address of this computer, as tests and private instances have them. */
class StandIns implements AsyncDisposable {
  readonly received: { readonly path: string; readonly headers: Headers; readonly body: string }[] =
    [];
  /** By the beginning of a path; what is not named is taken. */
  readonly answers: Record<string, () => Response> = {};
  readonly #server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { pathname: path } = new URL(request.url);
      this.received.push({ path, headers: request.headers, body: await request.text() });
      const named = Object.keys(this.answers).find((start) => path.startsWith(start));
      return named === undefined ? this.#taken(path) : (this.answers[named]?.() ?? assert.fail());
    },
  );

  #taken(path: string): Response {
    if (path.startsWith("/telegram/")) return Response.json({ ok: true, result: {} });
    if (path === "/pd/incidents") return Response.json({ incident: { id: "P1" } }, { status: 201 });
    if (path === "/pd/v2/enqueue") return Response.json({ status: "success" }, { status: 202 });
    return new Response("ok");
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  get variables(): Record<string, string> {
    return {
      COUNTERSIGN_PRIVATE_HOSTS: this.host,
      COUNTERSIGN_PAGERDUTY_API: `${this.origin}/pd`,
      COUNTERSIGN_TELEGRAM_API: `${this.origin}/telegram`,
      COUNTERSIGN_SLACK_API: `${this.origin}/api`,
      COUNTERSIGN_SLACK_CLIENT_ID: "123.456",
      COUNTERSIGN_SLACK_CLIENT_SECRET: "S3CR3T-of-the-app",
    };
  }

  body(kind: ChannelKind): Record<string, unknown> {
    const address = { secret: `${this.origin}/hook/S3CR3T` };
    const rest: Record<ChannelKind, Record<string, unknown>> = {
      slack: address,
      teams: address,
      discord: address,
      mattermost: address,
      pagerduty: { secret: "S3CR3T", from: "oncall@example.com", service_id: "PABC" },
      pagerduty_events: { secret: "S3CR3T", region: "eu" },
      ntfy: { url: this.origin, topic: "ops" },
      gotify: { url: `${this.origin}/gotify`, secret: "S3CR3T" },
      telegram: { secret: "123:S3CR3T", chat_id: -100123 },
    };
    return { name: `My ${kind}`, kind, ...rest[kind] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("over HTTP channels of every kind are made, tried, told, read, changed and removed", async () => {
  await using standIns = new StandIns();
  await using it = await ApprovalOrg.start({ variables: standIns.variables });
  const { org } = it;
  const ids: string[] = [];
  for (const kind of CHANNEL_KINDS) {
    const made = await org.manage("POST", "/v1/channels", standIns.body(kind));
    assert.equal(made.status, 201, made.text);
    assert.match(made.body.id, /^chn_/);
    assert.deepEqual([made.body.kind, made.body.scope, made.body.status], [kind, "team", "active"]);
    assert.equal(made.body.events.length, 6);
    assert.doesNotMatch(made.text, /S3CR3T/);
    ids.push(made.body.id);
    const tried = await org.manage("POST", `/v1/channels/${made.body.id}/test`);
    assert.equal(tried.body?.outcome, "sent", tried.text);
  }
  const list = await org.manage("GET", "/v1/channels?limit=200");
  assert.deepEqual(list.body.data.map(({ id }: { id: string }) => id), ids);
  assert.doesNotMatch(list.text, /S3CR3T/);

  standIns.received.length = 0;
  await it.pending();
  await settle(it);
  assert.equal(standIns.received.length, CHANNEL_KINDS.length);
  const telegram = standIns.received.find(({ path }) => path.startsWith("/telegram"));
  assert.equal(telegram?.path, "/telegram/bot123:S3CR3T/sendMessage");
  assert.equal(JSON.parse(telegram?.body ?? "").chat_id, "-100123");

  const [id = ""] = ids;
  const changed = await org.manage("PATCH", `/v1/channels/${id}`, { status: "disabled" });
  assert.deepEqual([changed.status, changed.body.status], [200, "disabled"]);
  const read = await org.manage("GET", `/v1/channels/${id}`);
  assert.deepEqual([read.body.status, read.body.disabled_why], ["disabled", null]);
  standIns.answers["/hook"] = () => new Response("no S3CR3T-here", { status: 403 });
  const tried = await org.manage("POST", `/v1/channels/${id}/test`);
  assert.deepEqual([tried.body.outcome, tried.body.status], ["failed", 403]);
  const removed = await org.manage("DELETE", `/v1/channels/${id}`);
  assert.deepEqual([removed.status, removed.body.removed], [200, true]);
  assertProblem(await org.manage("GET", `/v1/channels/${id}`), 404, "not_found");
});

Deno.test("over HTTP what does not fit is refused by its place, other keys and hosts too", async () => {
  await using standIns = new StandIns();
  await using it = await ApprovalOrg.start({ variables: standIns.variables });
  const post = (body: unknown, key = it.org.management) => it.org.post("/v1/channels", body, key);
  const slack = standIns.body("slack");
  for (const key of [it.org.standard, it.org.approver, await it.org.agent()]) {
    assertProblem(await post(slack, key), 403, "wrong_tier");
  }
  assertProblem(await post({ ...slack, kind: "irc" }), 422, "invalid_request", "/kind");
  assertProblem(
    await post({ ...slack, events: ["tool.drifted"] }),
    422,
    "invalid_request",
    "/events/0",
  );
  assertProblem(await post({ ...slack, url: "https://x.example" }), 422, "invalid_request", "/url");
  const other = { ...slack, secret: "http://127.0.0.1:1/S3CR3T" };
  const got = await post(other);
  assertProblem(got, 422, "invalid_request", "/secret");
  assert.doesNotMatch(got.text, /S3CR3T/);
  const { id } = (await post(slack)).body;
  const patch = (body: unknown) => it.org.manage("PATCH", `/v1/channels/${id}`, body);
  assertProblem(await patch({ kind: "teams" }), 422, "invalid_request");
  assertProblem(await patch({ topic: "x" }), 422, "invalid_request", "/topic");
});

Deno.test("Add to Slack: a fresh passkey leads there, the same session comes back, once", async () => {
  await using standIns = new StandIns();
  await using it = await ApprovalOrg.start({ variables: standIns.variables });
  const admin = await Visitor.of(it.org, "admin");
  const stale = await Visitor.of(it.org, "admin", { fresh: false });
  const viewer = await Visitor.of(it.org, "viewer");
  const connect = "/channels/slack/connect?scope=level_2";
  assert.match((await stale.get(connect)).text, /Confirm it is you/);
  assert.equal((await viewer.get(connect)).status, 403);

  const begun = await admin.get(connect);
  assert.equal(begun.status, 303);
  const to = new URL(begun.to ?? "");
  assert.equal(to.origin + to.pathname, `${standIns.origin}/oauth/v2/authorize`);
  assert.equal(to.searchParams.get("scope"), "incoming-webhook");
  assert.equal(to.searchParams.get("client_id"), "123.456");
  const callback = `${it.countersign.origin}/channels/slack/callback`;
  assert.equal(to.searchParams.get("redirect_uri"), callback);
  const state = to.searchParams.get("state") ?? "";
  standIns.answers["/api/oauth.v2.access"] = () =>
    Response.json({
      ok: true,
      access_token: "xoxb-S3CR3T",
      incoming_webhook: { channel: "#ops", url: `${standIns.origin}/hook/S3CR3T` },
    });
  const back = (query: Record<string, string>) =>
    `/channels/slack/callback?${new URLSearchParams(query)}`;
  // Another member's session, a made-up state and a no do not make a channel.
  const other = await Visitor.of(it.org, "admin");
  for (
    const [who, query] of [
      [other, { state, code: "c0de" }],
      [admin, { state: "made-up", code: "c0de" }],
      [admin, { code: "c0de" }],
    ] as const
  ) {
    const got = await who.get(back(query));
    assert.equal(got.status, 409);
    assert.match(got.text, /Slack not connected/);
  }
  assert.equal(standIns.received.length, 0);

  const made = await admin.get(back({ state, code: "c0de" }));
  assert.equal(made.status, 303);
  assert.match(made.to ?? "", /^\/notifications\/channels\/chn_/);
  assert.match(made.notice ?? "", /#ops/);
  const [exchange] = standIns.received;
  assert.deepEqual(Object.fromEntries(new URLSearchParams(exchange?.body)), {
    client_id: "123.456",
    client_secret: "S3CR3T-of-the-app",
    code: "c0de",
    redirect_uri: callback,
  });
  const list = await it.org.manage("GET", "/v1/channels");
  assert.deepEqual(
    list.body.data.map(({ name, kind, scope }: Record<string, string>) => [name, kind, scope]),
    [["#ops", "slack", "level_2"]],
  );
  assert.doesNotMatch(list.text, /S3CR3T/);
  assert.equal((await admin.get(back({ state, code: "c0de" }))).status, 409);
});

Deno.test("Add to Slack: what Slack refuses is said in its word, and is nowhere without an app", async () => {
  await using standIns = new StandIns();
  await using it = await ApprovalOrg.start({ variables: standIns.variables });
  const admin = await Visitor.of(it.org, "admin");
  const state = async () =>
    new URL((await admin.get("/channels/slack/connect")).to ?? "").searchParams.get("state") ?? "";
  const back = (query: Record<string, string>) =>
    admin.get(`/channels/slack/callback?${new URLSearchParams(query)}`);
  standIns.answers["/api/oauth.v2.access"] = () =>
    Response.json({ ok: false, error: "invalid_code" });
  assert.match(
    (await back({ state: await state(), code: "x" })).text,
    /Slack answered invalid_code/,
  );
  const no = await back({ state: await state(), error: "access_denied" });
  assert.match(no.text, /Slack was told not to/);
  standIns.answers["/api/oauth.v2.access"] = () =>
    Response.json({
      ok: true,
      incoming_webhook: { channel: "#x", url: "https://169.254.169.254/x" },
    });
  assert.equal((await back({ state: await state(), code: "x" })).status, 422);
  assert.deepEqual((await it.org.manage("GET", "/v1/channels")).body.data, []);

  await using without = await ApprovalOrg.start();
  const owner = await Visitor.of(without.org, "owner");
  assert.equal((await owner.get("/channels/slack/connect")).status, 404);
});
