import assert from "node:assert/strict";
import fc from "fast-check";
import { sweep } from "../../lib/server/due_worker.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { refreshTime } from "../../lib/vault/grant.ts";
import { type Access, accessOf } from "../../lib/vault/refresh.ts";
import type { NotSent } from "../../lib/upstreams/port.ts";
import { Countersign, type FixtureOptions, type TestOrg } from "../helpers/countersign.ts";
import { FailingStore } from "../helpers/failing_store.ts";
import { runs } from "../helpers/property_runs.ts";
import { RotatingProvider } from "./rotating_provider.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** Refreshing what a provider issued: once, whoever wants it, and whatever goes wrong. */

/** Others look again at once, so that no test waits for the time in between. */
const timer = (milliseconds: number) => systemTimer(milliseconds === 200 ? 0 : milliseconds);

/** An org with a credential whose first refresh token somebody put in. */
class Issued implements AsyncDisposable {
  private constructor(
    readonly countersign: Countersign,
    readonly org: TestOrg,
    readonly provider: RotatingProvider,
    readonly id: string,
  ) {}

  static async start(provider: RotatingProvider, options: FixtureOptions = {}): Promise<Issued> {
    const variables = { COUNTERSIGN_PRIVATE_HOSTS: provider.host };
    const countersign = await Countersign.start({ ...options, variables, deps: { timer } });
    const org = await countersign.org();
    const { status, body, text } = await org.manage("POST", "/v1/credentials", {
      name: "Notes",
      kind: "oauth2",
      origins: ["https://notes.example.com"],
      oauth: {
        issuer: provider.issuer,
        client_id: "client-1",
        client_secret: "client-secret",
        refresh_token: "refresh-token-0",
        resource: "https://notes.example.com/mcp",
      },
    });
    assert.equal(status, 201, text);
    return new Issued(countersign, org, provider, body.id);
  }

  access(by = this.countersign): Promise<Access | NotSent> {
    return accessOf(by.services, this.org.id, this.id);
  }

  async state(): Promise<string> {
    return (await this.org.manage("GET", `/v1/credentials/${this.id}`)).body.state;
  }

  /** Another node over the same store. */
  node(options: FixtureOptions = {}): Promise<Countersign> {
    const { services: { deps: { kv } }, clock, secret } = this.countersign;
    const variables = { COUNTERSIGN_PRIVATE_HOSTS: this.provider.host };
    return Countersign.start({ kv, clock, secret, variables, ...options, deps: { timer } });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.countersign[Symbol.asyncDispose]();
  }
}

const tokenOf = (got: Access | NotSent) => "token" in got ? got.token : got.why;

/** No refresh token arrived twice. */
function assertOnce({ received }: RotatingProvider, where = ""): void {
  assert.equal(new Set(received).size, received.length, `${where}: ${received.join(", ")}`);
}

Deno.test("refresh: tokens are fetched when they are wanted, used while they last, and replaced before they end", async () => {
  await using provider = new RotatingProvider();
  await using it = await Issued.start(provider);
  const { countersign: { clock } } = it;
  assert.equal(await it.state(), "ready");
  assert.equal(tokenOf(await it.access()), "access-token-1");
  const [form] = provider.forms;
  assert.equal(form?.get("grant_type"), "refresh_token");
  assert.equal(form?.get("resource"), "https://notes.example.com/mcp");
  assert.equal(tokenOf(await it.access()), "access-token-1");
  clock.advance(3_594_000);
  assert.equal(tokenOf(await it.access()), "access-token-1");
  clock.advance(1_000);
  assert.equal(tokenOf(await it.access()), "access-token-2");
  assert.deepEqual(provider.received, ["refresh-token-0", "refresh-token-1"]);
});

Deno.test("refresh: a provider that rotates nothing is asked with the same token again", async () => {
  await using provider = new RotatingProvider();
  provider.rotates = false;
  await using it = await Issued.start(provider);
  assert.equal(tokenOf(await it.access()), "access-token-1");
  it.countersign.clock.advance(3_600_000);
  assert.equal(tokenOf(await it.access()), "access-token-2");
  assert.deepEqual(provider.received, ["refresh-token-0", "refresh-token-0"]);
});

Deno.test("refresh: it is done by itself in time, without a call, and not for what nobody uses", async () => {
  await using provider = new RotatingProvider();
  await using it = await Issued.start(provider);
  const { countersign: { clock, services } } = it;
  await it.access();
  services.lastUsed.note(it.org.id, it.id, clock.now);
  clock.advance(53 * 60_000);
  await sweep(services, clock.now);
  assert.equal(provider.received.length, 1);
  clock.advance(60_000);
  await sweep(services, clock.now);
  assert.equal(provider.received.length, 2);
  // The provider is away: a minute later it is asked again.
  clock.advance(54 * 60_000);
  provider.instead = () => new Response(null, { status: 503 });
  await sweep(services, clock.now);
  assert.equal(provider.received.length, 3);
  provider.instead = () => null;
  clock.advance(60_000);
  await sweep(services, clock.now);
  assert.equal(provider.received.length, 4);
  assert.equal(tokenOf(await it.access()), provider.access);
  const { mail } = it.countersign;
  await it.org.signedIn("owner", { email: "boss@example.com" });
  clock.advance(60 * 24 * 60 * 60_000);
  await sweep(services, clock.now);
  assert.equal(provider.received.length, 4);
  const seen = await it.org.manage("GET", `/v1/credentials/${it.id}`);
  assert.equal(seen.body.state, "ready");
  assert.equal(seen.body.oauth.resting_since, new Date(clock.now).toISOString());
  await sweep(services, clock.now);
  const letters = () =>
    mail.sent.filter(({ to }) => to === "boss@example.com").map((one) => one.subject);
  assert.deepEqual(letters(), ["The credential Notes is not refreshed any more"]);
  // Whoever uses it again wakes it.
  assert.equal(tokenOf(await it.access()), provider.access);
  const { oauth } = (await it.org.manage("GET", `/v1/credentials/${it.id}`)).body;
  assert.equal(oauth.resting_since, null);
  provider.revoke();
  clock.advance(3_600_000);
  assert.equal(tokenOf(await it.access()), "needs_reconnect");
  await sweep(services, clock.now);
  assert.deepEqual(letters().slice(1), ["The credential Notes has to be connected again"]);
  const types = (await verifiedLog(services.deps, it.org.id)).map(({ entry }) => entry.type);
  assert.equal(types.filter((type) => type === "credential.refresh_stopped").length, 1);
});

for (
  const [what, instead, sent] of [
    [
      "says that it is no good",
      () => Response.json({ error: "invalid_grant" }, { status: 400 }),
      1,
    ],
    ["answers no token", () => Response.json({ token_type: "Bearer" }), 1],
    ["answers what no header takes", () => Response.json({ access_token: "a\nb: c" }), 1],
    ["answers 500", () => new Response(null, { status: 500 }), 1],
  ] as const
) {
  Deno.test(`refresh: a provider that ${what} leaves it to a person, who is told where, once`, async () => {
    await using provider = new RotatingProvider();
    await using it = await Issued.start(provider);
    provider.instead = instead;
    const url = `${it.countersign.origin}/connections/upstream/connect?credential=${it.id}`;
    for (let i = 0; i < 3; i++) {
      const got = await it.access();
      assert.ok("is" in got);
      assert.deepEqual(got.reconnect, { credential_id: it.id, connect_url: url });
    }
    assert.equal(provider.received.length, sent);
    assert.equal(await it.state(), "needs_reconnect");
    const { deps } = it.countersign.services;
    const log = await verifiedLog(deps, it.org.id);
    const told = log.filter(({ entry }) => entry.type === "credential.needs_reconnect");
    assert.equal(told.length, 1);
    const rotated = await it.org.manage("POST", `/v1/credentials/${it.id}/rotate`, {
      oauth: { refresh_token: "refresh-token-0" },
    });
    assert.equal(rotated.status, 200, rotated.text);
    provider.instead = () => null;
    assert.equal(tokenOf(await it.access()), "access-token-1");
  });
}

Deno.test("refresh: a provider that is busy, or not there, costs nothing, and is asked again", async () => {
  await using provider = new RotatingProvider();
  await using it = await Issued.start(provider);
  for (const status of [429, 503]) {
    provider.instead = () => new Response(null, { status });
    assert.equal(tokenOf(await it.access()), "busy");
    assert.equal(await it.state(), "ready");
  }
  provider.instead = () => null;
  assert.equal(tokenOf(await it.access()), "access-token-1");
});

Deno.test("G10: any number of calls on two nodes at once refresh once", async () => {
  await using provider = new RotatingProvider();
  await using it = await Issued.start(provider);
  await using other = await it.node();
  for (let round = 1; round <= 3; round++) {
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => it.access(i % 2 === 0 ? it.countersign : other)),
    );
    assert.deepEqual([...new Set(all.map(tokenOf))], [`access-token-${round}`]);
    it.countersign.clock.advance(3_600_000);
  }
  assertOnce(provider);
  assert.equal(provider.received.length, 3);
});

for (const dies of ["before", "after"] as const) {
  Deno.test(`G10: whichever step a node ends ${dies}, no refresh token is sent twice, and others go on or tell whom to ask`, async () => {
    const ends = new Set<string>();
    let reached = true;
    for (let at = 1; reached; at++) {
      await using provider = new RotatingProvider();
      const kv = await Deno.openKv(":memory:");
      {
        await using it = await Issued.start(provider, { kv });
        const store = new FailingStore(kv);
        await using dying = await it.node({ kv: store });
        const from = store.calls;
        reached = false;
        store.fault = ({ number }) => {
          const step = number - from;
          if (step < at) return null;
          if (step === at) reached = true;
          return step === at && dies === "after" ? "answer_lost" : "fails";
        };
        await it.access(dying).catch(() => null);
        await store.heal();
        store.fault = () => "fails";
        it.countersign.clock.advance(31_000);
        const got = tokenOf(await it.access());
        ends.add(got);
        assert.ok(got === provider.access || got === "needs_reconnect", `${at}: ${got}`);
        assertOnce(provider, `dead ${dies} ${at}`);
      }
      kv.close();
    }
    assert.ok(ends.has("needs_reconnect") && ends.size > 1, [...ends].join(", "));
  });
}

Deno.test("a refresh that was lost with its node is said although nobody calls, whichever step the node ends before", async () => {
  const states = new Set<string>();
  let reached = true;
  for (let at = 1; reached; at++) {
    await using provider = new RotatingProvider();
    const kv = await Deno.openKv(":memory:");
    {
      await using it = await Issued.start(provider, { kv });
      const store = new FailingStore(kv);
      await using dying = await it.node({ kv: store });
      const from = store.calls;
      reached = false;
      store.fault = ({ number }) => {
        if (number - from < at) return null;
        if (number - from === at) reached = true;
        return "fails";
      };
      await it.access(dying).catch(() => null);
      await store.heal();
      store.fault = () => "fails";
      it.countersign.clock.advance(31_000);
      await sweep(it.countersign.services, it.countersign.clock.now);
      const said = await it.state();
      await it.access();
      assert.equal(await it.state(), said, `dead before ${at}`);
      states.add(said);
    }
    kv.close();
  }
  assert.deepEqual([...states].sort(), ["needs_reconnect", "ready"]);
});

Deno.test("G10: whatever the provider answers and whoever asks when, no refresh token is sent twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          answer: fc.constantFrom("tokens", "tokens", "tokens", "busy", "broken", "refused"),
          callers: fc.integer({ min: 1, max: 6 }),
          later: fc.constantFrom(0, 1_000, 40_000, 3_600_000),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      async (rounds) => {
        await using provider = new RotatingProvider();
        await using it = await Issued.start(provider);
        await using other = await it.node();
        const busy: string[] = [];
        for (const { answer, callers, later } of rounds) {
          provider.instead = (refresh) => {
            if (answer === "tokens") return null;
            if (answer === "busy") busy.push(refresh);
            if (answer === "refused") {
              return Response.json({ error: "invalid_grant" }, { status: 400 });
            }
            return new Response(null, { status: answer === "busy" ? 503 : 500 });
          };
          await Promise.all(
            Array.from(
              { length: callers },
              (_, i) => it.access(i % 2 === 0 ? it.countersign : other),
            ),
          );
          it.countersign.clock.advance(later);
        }
        // What the provider itself said it did not take may be sent again.
        for (const refresh of new Set(provider.received)) {
          const times = provider.received.filter((one) => one === refresh).length;
          assert.ok(times - busy.filter((one) => one === refresh).length <= 1, refresh);
        }
      },
    ),
    runs(15),
  );
});

Deno.test("tokens are refreshed early: five minutes, a tenth of long ones, half of short ones", () => {
  const at = (expires_in: number | null) => refreshTime(0, expires_in) / 1000;
  assert.deepEqual(
    [3600, 36_000, 600, 60, 2, null].map(at),
    [3240, 32_400, 300, 30, 10, 3000],
  );
});
