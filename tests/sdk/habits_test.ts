import assert from "node:assert/strict";
import { Countersign, NotRun, type Options } from "../../clients/typescript/src/mod.ts";
import { answerLike, scripted } from "./scripted_service.ts";

/** What programs do with the client that was not thought of: none of it may run a tool, or lose one. */

const KEY = "cs_agent_secret";
const URL_ = "https://countersign.example";

type Json = Readonly<Record<string, unknown>>;

/** A service that lets everything pass, and what it was sent to each route. */
function passing(
  { onConsumed, ...options }: Partial<Options> & { readonly onConsumed?: () => void } = {},
) {
  const sent: [string, Json][] = [];
  const token = { token: "cs_run_secret", token_id: "rtk_01" };
  const answers: Readonly<Record<string, Json>> = {
    "/v1/permissions/check": answerLike("allowed", token),
    "/v1/tokens/consume": answerLike("consumed"),
    "/v1/executions/log": answerLike("logged"),
  };
  const fetch = (input: URL | RequestInfo, init?: RequestInit) => {
    const { pathname } = new URL(String(input));
    if (pathname.endsWith("/consume")) onConsumed?.();
    sent.push([pathname, JSON.parse(String(init?.body))]);
    return Promise.resolve(Response.json(answers[pathname]));
  };
  const client = new Countersign({ url: URL_, key: KEY, fetch, ...options });
  const logged = () => sent.filter(([path]) => path.endsWith("/log")).map(([, body]) => body);
  return { client, sent, logged };
}

Deno.test("what cannot be said in a request is the caller's error: it fails open for no tool, and runs none", async () => {
  const { client, sent } = passing({ failOpen: ["refund"] });
  const ran: unknown[] = [];
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  for (const args of [{ amount: 1n }, circle] as Json[]) {
    const action = { tool_name: "refund", arguments: args };
    await assert.rejects(client.check(action), TypeError);
    await assert.rejects(client.authorize(action, { reason: "x" }), TypeError);
    const guarded = client.guard({ tool_name: "refund", run: (args) => void ran.push(args) });
    await assert.rejects(guarded(args as never), { name: "NotRun", code: "guard_failed" });
  }
  await assert.rejects(
    client.check({ tool_name: "refund" }, { idempotencyKey: "a\nb" }),
    TypeError,
  );
  assert.deepEqual([ran, sent], [[], []]);
});

Deno.test("whatever breaks of a guard is a tool that was not run, but what its caller called off", async () => {
  const { client } = passing();
  const breaks = () => {
    throw new Error("a secret of the caller");
  };
  for (const broken of [{ facts: breaks }, { reason: breaks }]) {
    const guarded = client.guard({ tool_name: "refund", run: () => assert.fail("ran"), ...broken });
    const error = await guarded({}).catch((error) => error);
    assert.ok(error instanceof NotRun);
    assert.equal(error.message, "refund did not run: its guard failed");
  }
  const left = new Error("The user left");
  const guarded = client.guard({ tool_name: "refund", run: () => assert.fail("ran") });
  const signal = AbortSignal.abort(left);
  assert.equal(await guarded({}, { signal }).catch((error) => error), left);
  const late = new AbortController();
  const leaving = passing({ onConsumed: () => late.abort(left) }).client;
  const held = leaving.guard({ tool_name: "refund", run: () => assert.fail("ran") });
  assert.equal(await held({}, { signal: late.signal }).catch((error) => error), left);
});

Deno.test("a tool that ran gives its result, whatever is wrong with what is said of its run", async () => {
  const { client, logged } = passing();
  const throws = (): never => {
    throw new Error("no such member");
  };
  const tools = [{ cost: throws }, { succeeded: throws }, { cost: () => 0.5 }, { cost: () => NaN }];
  for (const tool of tools) {
    assert.equal(
      await client.guard({ tool_name: "refund", run: () => "paid", ...tool })({}),
      "paid",
    );
  }
  const results = logged().map(({ execution_result }) => execution_result);
  assert.deepEqual(results, ["success", "unknown", "success", "success"]);
  assert.ok(logged().every((body) => !("cost_micros" in body)));
});

Deno.test("a tool that takes nothing is called with nothing", async () => {
  const { client, sent } = passing();
  const guarded = client.guard({ tool_name: "refund", run: (args) => args }) as () => unknown;
  assert.deepEqual(await guarded(), {});
  assert.deepEqual(sent[0]?.[1]["arguments"], {});
});

Deno.test("who is told of a request may take their time over it; what they fail at runs nothing", async () => {
  const asked = {
    request: {
      method: "POST",
      path: "/v1/permissions/check",
      body: { tool_name: "refund", arguments: {}, reason: "x", mint: true, request: true },
      idempotency_key: true,
    },
    answer: {
      like: "allowed",
      with: { permission: "requires_approval", approval: answerLike("approval") },
    },
  };
  const told: string[] = [];
  const { client } = scripted([asked, asked]);
  const guarded = client.guard({ tool_name: "refund", run: () => assert.fail("ran"), wait: 0 });
  const tell = async (end: () => void) => {
    await Promise.resolve();
    told.push("told");
    end();
  };
  const asking = { reason: "x", onPending: () => tell(() => {}) };
  await assert.rejects(guarded({}, asking), { code: "pending" });
  const fails = {
    reason: "x",
    onPending: () =>
      tell(() => {
        throw new Error("The chat is down");
      }),
  };
  await assert.rejects(guarded({}, fails), { name: "NotRun", code: "guard_failed" });
  assert.deepEqual(told, ["told", "told"]);
});

Deno.test("a client that is printed shows no key", () => {
  const { client } = passing();
  const printed = `${Deno.inspect(client, { depth: 9, showHidden: false })}${
    JSON.stringify(client.ways)
  }`;
  assert.ok(printed.includes(URL_));
  assert.ok(!printed.includes(KEY));
});

Deno.test("what is missing of a client, or can be no time, is said when it is made", () => {
  const made = (changed: Json) => () =>
    new Countersign({ url: URL_, key: KEY, ...changed } as Options);
  assert.throws(made({ url: undefined }), /url is missing.*COUNTERSIGN_URL/);
  assert.throws(made({ key: undefined }), /key is missing.*COUNTERSIGN_KEY/);
  for (const url of ["localhost:8000", "countersign.example", "ann:pass word@example.com"]) {
    const says = (error: Error) => /https:\/\//.test(error.message) && !/pass/.test(error.message);
    assert.throws(made({ url }), says, url);
  }
  assert.throws(made({ key: `${KEY}\n` }), (error: Error) => !error.message.includes(KEY));
  for (const time of [0, -1, NaN]) {
    assert.throws(made({ timeoutMs: time }), /timeoutMs must be/);
    assert.throws(made({ checkTimeoutMs: time }), /checkTimeoutMs must be/);
  }
});

Deno.test("an answer that is no text is none to go by, and lets no tool fail open", async () => {
  let times = 0;
  const fetch = () => {
    times++;
    return Promise.resolve(new Response(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])));
  };
  const { client } = passing({ fetch, failOpen: ["refund"] });
  const error = await client.check({ tool_name: "refund" }, { idempotencyKey: "mine" })
    .catch((error) => error);
  assert.deepEqual([error.code, times], ["bad_answer", 1]);
});

Deno.test("what did not answer as Countersign is named, and what is wrong with a request said once", async () => {
  const answers = [
    new Response("<html>", { status: 302 }),
    Response.json({
      code: "invalid_request",
      status: 422,
      detail: "/tool_name is required.",
      errors: [{ path: "/tool_name", message: "is required" }, {
        path: "/x",
        message: "is required",
      }],
    }, { status: 422 }),
  ];
  const { client } = passing({ fetch: () => Promise.resolve(answers.shift() ?? assert.fail()) });
  const said = async () => (await client.check({ tool_name: "x" }).catch((error) => error)).message;
  assert.equal(
    await said(),
    `What answered POST /v1/permissions/check at ${URL_} with 302 is not Countersign`,
  );
  assert.equal(await said(), "/tool_name is required.; /x: is required");
});

Deno.test("a time without end is one in which there is an answer", async () => {
  const { client } = passing({ checkTimeoutMs: Infinity, timeoutMs: Infinity });
  const { is_fallback } = await client.check({ tool_name: "refund" });
  assert.equal(is_fallback, false);
  const { wait, ...asking } = { wait: NaN, reason: "x" };
  await assert.rejects(client.authorize({ tool_name: "refund" }, { wait, ...asking }), TypeError);
});

Deno.test("attack: a webhook's secret that is missing or cut verifies nothing, whoever signed by it", async () => {
  const { webhooks } = passing().client;
  const body = '{"type":"approval.created","timestamp":"2026-03-01T10:00:00.000Z","data":{}}';
  const headers = (signature: string) => ({
    "webhook-id": "evt_01",
    "webhook-timestamp": "1772359200",
    "webhook-signature": `v1,${signature}`,
  });
  for (const secret of ["", "whsec_", "whsec_AAAA", undefined as unknown as string]) {
    const signed = headers(`${"A".repeat(43)}=`);
    await assert.rejects(webhooks.verify(secret, signed, body, 1_772_359_200_000), TypeError);
  }
});

Deno.test("a webhook's headers are found however a host writes them", async () => {
  const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
  const body = '{"type":"webhook.test","timestamp":"2026-03-01T10:00:00.000Z","data":{}}';
  const { Webhook } = await import("standardwebhooks");
  const now = 1_772_359_200_000;
  const signature = new Webhook(secret).sign("evt_01", new Date(now), body);
  const rows: Record<string, string> = {
    "Webhook-Id": "evt_01",
    "WEBHOOK-TIMESTAMP": String(now / 1000),
    "Webhook-Signature": signature,
    ":method": "POST",
  };
  const { webhooks } = passing().client;
  assert.equal((await webhooks.verify(secret, rows, body, now)).id, "evt_01");
});
