import assert from "node:assert/strict";
import { ForwardedFor, RateLimits } from "../../lib/identity/limits.ts";
import { Countersign, type Got } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const CHECK = "/v1/permissions/check";

Deno.test("A credential over its limit gets 429 until its minute is over", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const made = await org.manage("POST", "/v1/api-keys", {
    name: "slow",
    tier: "standard",
    rate_limit_per_minute: 2,
  });
  const ask = (body: unknown = { tool_name: "restart" }) => org.post(CHECK, body, made.body.key);
  const limits = ({ status, headers }: Got) => [
    status,
    headers.get("ratelimit-policy"),
    headers.get("ratelimit"),
    headers.get("retry-after"),
  ];
  const policy = '"minute";q=2;w=60';
  assert.deepEqual(limits(await ask()), [200, policy, '"minute";r=1;t=60', null]);
  // A request that is refused for what it says counts as well.
  assert.deepEqual(limits(await ask({})), [422, policy, '"minute";r=0;t=60', null]);
  const refused = await ask();
  assert.deepEqual(limits(refused), [429, policy, '"minute";r=0;t=60', "60"]);
  assert.equal(refused.body.code, "rate_limited");
  assert.equal(refused.body.next.retry_after_seconds, 60);
  countersign.clock.advance(59_500);
  assert.deepEqual(limits(await ask()), [429, policy, '"minute";r=0;t=1', "1"]);
  countersign.clock.advance(500);
  assert.deepEqual(limits(await ask()), [200, policy, '"minute";r=1;t=60', null]);
});

Deno.test("Each credential has its own minute, and one without a limit none", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const body = { tool_name: "restart" };
  const slow = await org.manage("POST", "/v1/agents", { name: "a", rate_limit_per_minute: 1 });
  const free = await org.manage("POST", "/v1/agents", { name: "b", rate_limit_per_minute: null });
  assert.equal((await org.post(CHECK, body, slow.body.token)).status, 200);
  assert.equal((await org.post(CHECK, body, slow.body.token)).status, 429);
  for (let i = 0; i < 3; i++) {
    const got = await org.post(CHECK, body, free.body.token);
    assert.equal(got.status, 200);
    assert.equal(got.headers.get("ratelimit"), null);
  }
});

Deno.test("A refusal for the limit is not kept under an idempotency key", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const body = { tool_name: "restart" };
  const made = await org.manage("POST", "/v1/agents", { name: "a", rate_limit_per_minute: 1 });
  const ask = () => org.post(CHECK, body, made.body.token, { "idempotency-key": "one" });
  const first = await ask();
  assert.equal((await ask()).status, 429);
  countersign.clock.advance(60_000);
  const replayed = await ask();
  assert.equal(replayed.status, 200);
  assert.equal(replayed.body.decision_id, first.body.decision_id);
});

Deno.test("A batch counts as the decisions it holds, and is refused whole where they do not fit", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("restart");
  const machine = { name: "a", rate_limit_per_minute: 10 };
  const { body: { token } } = await org.manage("POST", "/v1/agents", machine);
  const batch = (size: number) => {
    const checks = Array(size).fill({ tool_name: "restart" });
    return org.post("/v1/permissions/check-batch", { checks }, token);
  };
  const size = async () => (await verifiedLog(countersign.services.deps, org.id)).length;
  const left = ({ headers }: Got) => headers.get("ratelimit");

  const first = await batch(6);
  assert.equal(first.status, 200);
  assert.equal(left(first), '"minute";r=4;t=60');
  const before = await size();
  const refused = await batch(5);
  assert.equal(refused.status, 429, refused.text);
  assert.equal(left(refused), '"minute";r=3;t=60', "the call itself counts, its decisions do not");
  assert.equal(refused.headers.get("retry-after"), "60");
  assert.match(refused.body.detail, /3 are left, and this call counts as more/);
  assert.equal(await size(), before, "nothing was decided");
  assert.equal(left(await batch(3)), '"minute";r=0;t=60');
  assert.equal((await org.post(CHECK, { tool_name: "restart" }, token)).status, 429);

  countersign.clock.advance(60_000);
  const never = await batch(11);
  assert.equal(never.status, 429, "larger than the whole limit");
  assert.equal((await batch(9)).status, 200);
});

Deno.test("A batch of MCP messages that does not fit is refused whole, and counted as one", () => {
  const limits = new RateLimits();
  const caller = { id: "agt_1", rate_limit_per_minute: 5 };
  assert.equal(limits.take(caller, 0)?.remaining, 4);
  assert.throws(() => limits.take(caller, 0, 5), /rate_limited/);
  assert.equal(limits.take(caller, 0, 4)?.remaining, 0);
  assert.equal(limits.take(caller, 0, 0)?.remaining, 0);
});

Deno.test("ForwardedFor has the address alone, however a proxy writes it, and nothing that is none", () => {
  const forwarded = new ForwardedFor(1, () => {});
  for (
    const [written, address] of [
      ["203.0.113.7", "203.0.113.7"],
      ["203.0.113.7:50001", "203.0.113.7"],
      ["198.51.100.9, 203.0.113.7:50002", "203.0.113.7"],
      ["2001:db8::1", "2001:db8::1"],
      ["[2001:db8::1]", "2001:db8::1"],
      ["[2001:db8::1]:50001", "2001:db8::1"],
      ["[::ffff:203.0.113.7]:50001", "::ffff:203.0.113.7"],
      ["unknown", null],
      ["_hidden:1", null],
      ["203.0.113.7:x", null],
      ["203.0.113", null],
      ["", null],
    ] as const
  ) assert.equal(forwarded.client(written), address, written);
});
