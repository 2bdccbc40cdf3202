import assert from "node:assert/strict";
import { logHeadKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { logHead } from "../../lib/store/records/log.ts";
import type { Timer } from "../../lib/store/system.ts";
import { Countersign, type Got, TestOrg } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { Visitor } from "../helpers/visitor.ts";

/** How long anybody may wait for a refusal, milliseconds. */
const AT_MOST = 5000;

/** Time that passes only when the test says so, for timers as for the clock that only counts on. */
class HeldTime {
  now = 0;
  #timers: { readonly at: number; readonly elapse: () => void }[] = [];

  readonly timer = (milliseconds: number): Timer => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = { at: this.now + milliseconds, elapse: resolve };
    this.#timers.push(timer);
    return {
      elapsed: promise,
      cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)),
    };
  };

  /** Lets time pass, timer by timer, and everything that hangs on each. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.now = Math.max(this.now, next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.elapse();
      await turns();
    }
    this.now = end;
    await turns();
  }
}

/** Until whatever does not wait for time or the store has come to its end. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setTimeout(resolve));
}

/** A node whose store goes away, beside one that has another way to it. */
class AwayStore implements AsyncDisposable {
  private constructor(
    readonly time: HeldTime,
    readonly store: HangingStore,
    readonly node: Countersign,
    readonly org: TestOrg,
    readonly sound: Countersign,
    readonly kv: Deno.Kv,
  ) {}

  static async start(): Promise<AwayStore> {
    const kv = await Deno.openKv(":memory:");
    const sound = await Countersign.start({ kv });
    const made = await sound.org();
    await made.tool("deploy");
    const time = new HeldTime();
    const store = new HangingStore(kv);
    const { clock, secret } = sound;
    const deps = { timer: time.timer, monotonic: () => time.now };
    const node = await Countersign.start({ kv: store, clock, secret, deps });
    const org = new TestOrg(node, made.id);
    Object.assign(org.secrets, made.secrets);
    return new AwayStore(time, store, node, org, sound, kv);
  }

  check(): Promise<Got> {
    return this.org.post("/v1/permissions/check", { tool_name: "deploy" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.come();
    await this.node[Symbol.asyncDispose]();
    await this.sound[Symbol.asyncDispose]();
    this.kv.close();
  }
}

/** A store that can go away and come back: meanwhile nothing is answered, and nothing done. */
class HangingStore extends FailingStore {
  #back: PromiseWithResolvers<void> | null = null;

  constructor(inner: Deno.Kv) {
    super(inner);
    this.before = async () => await this.#back?.promise;
  }

  away(): void {
    this.#back = Promise.withResolvers();
  }

  come(): void {
    this.#back?.resolve();
    this.#back = null;
  }
}

function assertAway(got: Got): void {
  assert.equal(got.status, 503, got.text);
  assert.equal(got.body.code, "store_unavailable");
  assert.equal(got.headers.get("retry-after"), "1");
  assert.equal(got.body.permission, undefined);
}

/** Has time pass until the answer is there; gives it, and how long it took. */
async function waited<T>(time: HeldTime, answer: Promise<T>): Promise<{ got: T; took: number }> {
  const from = time.now;
  let got: { readonly value: T } | null = null;
  void answer.then((value) => got = { value });
  await turns();
  while (got === null) {
    assert.ok(time.now - from < 60_000, "it is answered at all");
    await time.pass(200);
  }
  return { got: (got as { readonly value: T }).value, took: time.now - from };
}

Deno.test("a check is refused within 5 seconds while the store is away, in whatever state it finds the node", async () => {
  await using it = await AwayStore.start();
  const { store, time } = it;
  // Its credential is not known, then it is, then the policy is too, then the commit before hangs.
  for (const known of ["nothing", "its credential", "its policy", "all"]) {
    store.away();
    for (const who of ["the first", "the next"]) {
      const { got, took } = await waited(time, it.check());
      assertAway(got);
      assert.ok(took > 1000 && took <= AT_MOST, `${known} is known, ${who}: ${took} ms`);
    }
    store.come();
    await time.pass(60_000);
    if (known === "nothing") continue;
    const { got } = await waited(time, it.check());
    assert.equal(got.status, 200, got.text);
  }
});

Deno.test("of many checks at once, and of those that come while they wait, each has its 5 seconds", async () => {
  await using it = await AwayStore.start();
  const { store, time } = it;
  assert.equal((await waited(time, it.check())).got.status, 200);
  store.away();
  const answers: { readonly took: number; readonly got: Got }[] = [];
  const ask = async () => {
    const from = time.now;
    const got = await it.check();
    answers.push({ took: time.now - from, got });
  };
  const asked: Promise<void>[] = [];
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 5; i++) asked.push(ask());
    await turns();
    await time.pass(700);
  }
  await waited(time, Promise.all(asked));
  assert.equal(answers.length, 40);
  for (const { took, got } of answers) {
    assertAway(got);
    assert.ok(took <= AT_MOST, `${took} ms`);
  }
});

Deno.test("a policy that takes long to load goes on loading behind those who are refused", async () => {
  await using it = await AwayStore.start();
  const { store, time } = it;
  let calls = 0;
  // Every answer takes two seconds: the whole of them far longer than anybody waits.
  store.before = async () => {
    calls++;
    await time.timer(2000).elapsed;
  };
  let refused = 0;
  let last: Got | null = null;
  for (let asked = 0; asked < 30 && last?.status !== 200; asked++) {
    const { got, took } = await waited(time, it.check());
    assert.ok(took <= AT_MOST, `${took} ms`);
    if (got.status !== 200) {
      assertAway(got);
      refused++;
    }
    last = got;
  }
  assert.equal(last?.status, 200, "in the end it is loaded");
  assert.ok(refused > 0 && calls > 3, `${refused} were refused, ${calls} calls`);
});

Deno.test("what was refused as the store was away is not done when it comes back", async () => {
  await using it = await AwayStore.start();
  const { store, time } = it;
  assert.equal((await waited(time, it.check())).got.status, 200);
  const before = await size(it);
  store.away();
  const first = it.check();
  await turns();
  const second = it.check();
  assertAway((await waited(time, first)).got);
  assertAway((await waited(time, second)).got);
  store.come();
  await time.pass(60_000);
  // The commit that was on its way may stand; the one behind it was given up.
  assert.ok(await size(it) - before <= 1);
});

Deno.test("pages, forms, MCP and token endpoints say that the store is away, and when to try again", async () => {
  await using it = await AwayStore.start();
  const { store, time, org, node } = it;
  const owner = await Visitor.of(org, "owner");
  const agent = await org.agent();
  const headers = { authorization: `Bearer ${agent}`, "content-type": "application/json" };
  const rpc = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const asks: Readonly<Record<string, () => Promise<Response>>> = {
    page: () =>
      fetch(`${node.origin}/rules`, {
        headers: { cookie: `countersign_session=${owner.session.secret}`, accept: "text/html" },
      }),
    mcp: () => fetch(`${node.origin}/mcp`, { method: "POST", headers, body: JSON.stringify(rpc) }),
    token: () =>
      fetch(`${node.origin}/oauth/token`, {
        method: "POST",
        headers: form,
        body: new URLSearchParams({
          grant_type: "refresh_token",
          refresh_token: "x",
          client_id: "ocl_01kdvdna00fjrtr2ky3y1vq82n",
        }),
      }),
    list: () => fetch(`${node.origin}/v1/activity`, { headers: { "x-api-key": org.management } }),
  };
  store.away();
  for (const [name, ask] of Object.entries(asks)) {
    const { got, took } = await waited(time, ask());
    const text = await got.text();
    assert.equal(got.status, 503, `${name}: ${text}`);
    assert.equal(got.headers.get("retry-after"), "1", name);
    assert.ok(took <= 10_000, `${name}: ${took} ms`);
    if (name === "page") {
      assert.match(text, /Store unavailable/);
      assert.match(text, /Try again in a moment/);
    }
  }
});

async function size({ kv, org }: AwayStore): Promise<number> {
  const head = await readRecord(kv, logHeadKey(org.id), logHead);
  return head?.value.size ?? 0;
}
