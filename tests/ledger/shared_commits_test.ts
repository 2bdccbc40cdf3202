import assert from "node:assert/strict";
import { type CommitLimits, KV_CONNECT_LIMITS, KV_LIMITS } from "../../lib/ledger/commit_limits.ts";
import type { CommitPart } from "../../lib/ledger/commit.ts";
import type { Seat } from "../../lib/ledger/ledger.ts";
import { Ledgers, SharedCommits } from "../../lib/ledger/ledgers.ts";
import type { StoreKey } from "../../lib/store/keys.ts";
import { afterTurn, systemRandom } from "../../lib/store/system.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";
import { addOne, append, draft } from "./sharing.ts";
import { WatchedStore } from "../helpers/watched_store.ts";

/** A store, places at it, and parts that they commit. */
class Places implements Disposable {
  readonly clock = new TestClock();
  readonly store: WatchedStore;
  readonly shared: SharedCommits;

  constructor(readonly kv: Deno.Kv, limits: CommitLimits) {
    this.store = new WatchedStore(kv);
    this.shared = new SharedCommits(
      { kv: this.store, monotonic: () => this.clock.monotonic, afterTurn },
      limits,
    );
  }

  static async open(limits: CommitLimits = KV_LIMITS): Promise<Places> {
    return new Places(await Deno.openKv(":memory:"), limits);
  }

  seats(count: number): Seat[] {
    return Array.from({ length: count }, () => this.shared.seat());
  }

  /** A part of an org that writes a row of its name, and more as asked. */
  part(name: string, fields: Partial<CommitPart> = {}): CommitPart {
    const mark = systemRandom(12).toHex();
    return {
      org: name,
      checks: [],
      messages: [],
      mark: { key: ["commit_mark", mark], name: mark },
      marksItself: true,
      bytes: 100,
      keyBytes: 100,
      ...fields,
      writes: [{ key: ["part", name], value: name }, ...fields.writes ?? []],
    };
  }

  /** Has parts handed over while a commit is under way, so that all of them wait for the store. */
  async together(seats: readonly Seat[], parts: readonly CommitPart[]) {
    this.store.seen.length = 0;
    const held = Promise.withResolvers<void>();
    this.store.goOn = () => held.promise;
    const first = this.once(this.shared.seat(), this.part("first"));
    const answers = Promise.allSettled(
      parts.map((part, i) => this.once(seats[i] ?? assert.fail("no seat"), part)),
    );
    this.store.goOn = () => Promise.resolve();
    held.resolve();
    await first;
    return await answers;
  }

  /** Has one part committed, after which its org has nothing more. */
  async once(seat: Seat, part: CommitPart) {
    try {
      return await seat.commit(part, false);
    } finally {
      seat.pass();
    }
  }

  /** Of which parts the commits were that followed the first one, in order. */
  get commits(): string[] {
    return this.store.seen.slice(1).map(({ of, ok }) =>
      of.join("+") + (ok === true ? "" : " refused")
    );
  }

  async isStored(name: string): Promise<boolean> {
    return (await this.kv.get(["part", name])).versionstamp !== null;
  }

  [Symbol.dispose](): void {
    this.kv.close();
  }
}

/** A check that no row passes. */
const REFUSED = { checks: [{ key: ["nowhere"] as StoreKey, versionstamp: "0".repeat(20) }] };

const isOk = (answer: PromiseSettledResult<Deno.KvCommitResult | Deno.KvCommitError> | undefined) =>
  answer?.status === "fulfilled" && answer.value.ok;

Deno.test("what waits for the store goes there in one commit", async () => {
  using places = await Places.open();
  const names = ["a", "b", "c"];
  const answers = await places.together(places.seats(3), names.map((name) => places.part(name)));
  assert.deepEqual(answers.map(isOk), [true, true, true]);
  assert.deepEqual(places.commits, ["a+b+c"]);
});

Deno.test("of parts that go together the one that is refused is told so, and the others land", async () => {
  using places = await Places.open();
  const parts = [places.part("a"), places.part("b", REFUSED), places.part("c")];
  const answers = await places.together(places.seats(3), parts);
  assert.deepEqual(answers.map(isOk), [true, false, true]);
  assert.deepEqual(places.commits, ["a+b+c refused", "a", "b refused", "c"]);
  assert.equal(await places.isStored("b"), false);
});

Deno.test("an org that is refused again and again is not in the commits of others", async () => {
  using places = await Places.open();
  const seats = places.seats(3);
  let disturbed = 0;
  for (let round = 0; round < 100; round++) {
    const names = ["a", "b", "c"].map((name) => `${name}${round}`);
    const parts = names.map((name, i) => places.part(name, i === 1 ? REFUSED : {}));
    const answers = await places.together(seats, parts);
    assert.deepEqual(answers.map(isOk), [true, false, true]);
    const [a, , c] = names;
    if (!places.commits.includes(`${a}+${c}`)) disturbed++;
  }
  assert.equal(disturbed, 1, "the first time, when nobody could know");

  // It lands again, so after a while it shares again.
  let alone = 0;
  for (;; alone++) {
    await places.together(seats, ["a", "b", "c"].map((name) => places.part(name)));
    if (places.commits.includes("a+b+c")) break;
    assert.ok(alone <= 1000, "it never shares again");
  }
  assert.ok(alone >= 8, `it was by itself ${alone} times`);
});

Deno.test("a part that the store cannot write fails by itself", async () => {
  using places = await Places.open();
  const large = { writes: [{ key: ["large"] as StoreKey, value: new Uint8Array(70_000) }] };
  const impossible = { writes: [{ key: ["function"] as StoreKey, value: () => {} }] };
  for (const fields of [large, impossible]) {
    const parts = [places.part("a"), places.part("b", fields), places.part("c")];
    const answers = await places.together(places.seats(3), parts);
    assert.deepEqual(answers.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assert.deepEqual(answers.map(isOk), [true, false, true]);
    assert.equal(await places.isStored("b"), false);
  }
});

Deno.test("a commit never has more than the store takes, and what came first goes first", async () => {
  const limits = { ...KV_LIMITS, checks: 17, mutations: 12, bytes: 1000, keyBytes: 500 };
  using places = await Places.open(limits);
  const rows = (count: number) => ({
    writes: Array.from({ length: count }, () => ({
      key: ["row", systemRandom(8).toHex()],
      value: 1,
    })),
  });
  const checks = (count: number) => ({
    checks: Array.from({ length: count }, (_, i) => ({ key: ["none", i], versionstamp: null })),
  });
  const cases: [() => Partial<CommitPart>, string[]][] = [
    // One check and one row more in each for its mark.
    [() => checks(9), ["a+b", "c"]],
    [() => rows(2), ["a+b+c"]],
    [() => rows(4), ["a+b", "c"]],
    [() => ({ bytes: 500 }), ["a+b", "c"]],
    [() => ({ bytes: 501 }), ["a", "b", "c"]],
    [() => ({ keyBytes: 200 }), ["a+b", "c"]],
  ];
  for (const [fields, expected] of cases) {
    const parts = ["a", "b", "c"].map((name) => places.part(name, fields()));
    const answers = await places.together(places.seats(3), parts);
    assert.deepEqual(answers.map(isOk), [true, true, true]);
    assert.deepEqual(places.commits, expected, JSON.stringify(fields()));
  }
});

Deno.test("what one part checks or writes, no other of the same commit writes", async () => {
  using places = await Places.open();
  // A row of nobody, of one that is not there, of the one and of the other.
  for (const key of [["shared"], ["rows", "z"], ["rows", "a"], ["rows", "b"]]) {
    const writes = [{ key, value: 1 }];
    const checks = [{ key, versionstamp: null }];
    const pairs: [Partial<CommitPart>, Partial<CommitPart>, string[]][] = [
      [{ checks }, { writes }, ["a", "b"]],
      [{ writes }, { writes }, ["a", "b"]],
      [{ checks, writes }, { checks, writes }, ["a", "b refused"]],
      [{ writes }, { checks }, ["a", "b refused"]],
    ];
    for (const [a, b, expected] of pairs) {
      await places.kv.delete(key);
      await places.together(places.seats(2), [places.part("a", a), places.part("b", b)]);
      assert.deepEqual(places.commits, expected, JSON.stringify([key, a, b]));
    }
  }
  const checks = [{ key: ["none"], versionstamp: null }];
  const apart = ["a", "b"].map((name) =>
    places.part(name, { checks, writes: [{ key: ["rows", name], value: 1 }] })
  );
  await places.together(places.seats(2), apart);
  assert.deepEqual(places.commits, ["a+b"]);
});

Deno.test("what waited long for the store is not committed as it was planned", async () => {
  using places = await Places.open();
  const [early, late] = places.seats(2);
  const held = Promise.withResolvers<void>();
  places.store.goOn = () => held.promise;
  const first = places.shared.seat().commit(places.part("first"), false);
  const old = early?.commit(places.part("old"), false);
  places.clock.advance(1001);
  const fresh = late?.commit(places.part("fresh"), false);
  held.resolve();
  assert.deepEqual([(await first).ok, (await old)?.ok, (await fresh)?.ok], [true, false, true]);
  assert.deepEqual(places.commits, ["fresh"]);
});

Deno.test("an org may plan when the store is free, and one that takes long to keeps no other waiting", async () => {
  using places = await Places.open();
  const [slow, quick, other] = places.seats(3);
  assert.equal(slow?.turn(), null);
  assert.equal(quick?.turn(), null);
  const held = Promise.withResolvers<void>();
  places.store.goOn = () => held.promise;
  const committed = quick?.commit(places.part("quick"), false);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(places.store.seen.length, 1, "it did not wait for the slow one");
  const turn = other?.turn();
  assert.notEqual(turn, null, "the store is not free");
  held.resolve();
  assert.equal((await committed)?.ok, true);
  await turn;
  other?.pass();
  assert.equal((await slow?.commit(places.part("slow"), false))?.ok, true);
});

Deno.test("orgs that come one after the other share commits where they did before", async () => {
  using places = await Places.open();
  const seats = places.seats(3);
  const each = async (round: number) => {
    await Promise.all(seats.map(async (seat, i) => {
      await seat.turn();
      await seat.commit(places.part(`${i} in round ${round}`), false);
    }));
  };
  await places.together(seats, seats.map((_, i) => places.part(String(i))));
  places.store.seen.length = 0;
  await each(1);
  assert.deepEqual(places.store.seen.map(({ of }) => of.length), [3]);
  const [first] = seats;
  await first?.turn();
  await first?.commit(places.part("alone"), false);
  assert.equal(first?.turn(), null, "who commits alone waits for nobody");
  first?.pass();
});

Deno.test("orgs whose parts landed together go on together, and wait for nobody from outside", async () => {
  using places = await Places.open();
  const seats = places.seats(3);
  await places.together(seats, seats.map((_, i) => places.part(String(i))));
  places.store.seen.length = 0;
  const atNextTurn = Promise.withResolvers<string[]>();
  await Promise.all(seats.map(async (seat, i) => {
    await seat.turn();
    await seat.commit(places.part(`${i} landed`), false);
    if (i === 0) {
      setTimeout(() => atNextTurn.resolve(places.store.seen.map(({ of }) => of.join("+"))));
      return seat.pass();
    }
    await seat.turn();
    await places.once(seat, places.part(`${i} goes on`));
  }));
  assert.deepEqual(await atNextTurn.promise, [
    "0 landed+1 landed+2 landed",
    "1 goes on+2 goes on",
  ]);
});

Deno.test("who waits for the store plans before it is free, once nobody comes any more", async () => {
  using places = await Places.open();
  const [busy, early, late] = places.seats(3);
  const held = Promise.withResolvers<void>();
  places.store.goOn = () => held.promise;
  const committed = places.once(busy ?? assert.fail(), places.part("busy"));
  const began: string[] = [];
  const plans = async (seat: Seat | undefined, name: string) => {
    await seat?.turn();
    began.push(name);
    await places.once(seat ?? assert.fail(), places.part(name));
  };
  const others = [plans(early, "early")];
  await Promise.resolve();
  assert.deepEqual(began, [], "whoever comes at the same time goes before");
  await new Promise((resolve) => setTimeout(resolve));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(began, ["early"], "the store is still busy");
  others.push(plans(late, "late"));
  places.store.goOn = () => Promise.resolve();
  held.resolve();
  await Promise.all([committed, ...others]);
  assert.deepEqual(places.store.seen.map(({ of }) => of), [["busy"], ["early", "late"]]);
});

Deno.test("nothing is in one commit with more than three orgs where the store takes ten checks", async () => {
  await using countersign = await Countersign.start();
  const orgs = await Promise.all(Array.from({ length: 12 }, () => countersign.org()));
  const { deps } = countersign.services;
  const store = new WatchedStore(deps.kv);
  const ledgers = new Ledgers({ ...deps, kv: store }, { ...KV_CONNECT_LIMITS, atOnce: 2 });
  await Promise.all(
    Array.from(
      { length: 240 },
      (_, i) => ledgers.transact(orgs[i % 12]?.id ?? "", append(String(i))),
    ),
  );
  const most = Math.max(...store.seen.map(({ of }) => of.length));
  assert.equal(most, 3);
  assert.ok(store.seen.every(({ checks }) => checks <= 10));
  for (const { id } of orgs) {
    const log = await verifiedLog(deps, id);
    assert.equal(log.filter(({ entry }) => entry.type === "test.done").length, 20);
  }
});

Deno.test("an org whose commits are refused holds no other up", async () => {
  await using countersign = await Countersign.start();
  await using elsewhere = await countersign.another();
  const { deps } = countersign.services;
  const ids: string[] = [];
  for (let i = 0; i < 8; i++) ids.push((await countersign.org()).id);
  const [refused = "", ...others] = ids;
  const store = new WatchedStore(deps.kv);
  const random = (bytes: number) => bytes === 1 ? Uint8Array.of(0) : systemRandom(bytes);
  const ledgers = new Ledgers({ ...deps, kv: store, random });
  await Promise.all(ids.map((id) => ledgers.transact(id, append("first"))));
  store.seen.length = 0;
  // Another process commits for that org before every other commit of it: each operation is refused once.
  let tried = 0;
  let overtaken = 0;
  const seen = store.seen;
  store.goOn = async () => {
    if (seen.at(-1)?.of.includes(refused) !== true || tried++ % 2 === 1) return;
    overtaken++;
    await elsewhere.services.ledgers.transact(refused, append("elsewhere"));
  };
  let stopped = false;
  const stubborn = (async () => {
    while (!stopped) await ledgers.transact(refused, append("stubborn")).catch(() => {});
  })();
  let rounds = 0;
  for (; overtaken < 20; rounds++) {
    await Promise.all(others.map((id) => ledgers.transact(id, append(`round ${rounds}`))));
  }
  stopped = true;
  await stubborn;
  const disturbed = seen.filter(({ of, ok }) => ok === false && of.some((id) => id !== refused));
  assert.ok(disturbed.length <= 2, `${disturbed.length} commits of others were refused with it`);
  for (const id of others) {
    const log = await verifiedLog(deps, id);
    assert.equal(log.filter(({ entry }) => entry.type === "test.done").length, 1 + rounds);
  }
  await verifiedLog(deps, refused);
});

Deno.test("an org whose operations take long to load holds no other up", async () => {
  await using countersign = await Countersign.start();
  const { ledgers } = countersign.services;
  const slow = await countersign.org();
  const quick = await countersign.org();
  const loaded = Promise.withResolvers<void>();
  const waiting = ledgers.transact(slow.id, {
    load: () => loaded.promise,
    plan: (transaction) => transaction.append(draft("slow")).index,
  });
  for (let i = 0; i < 20; i++) await ledgers.transact(quick.id, append(String(i)));
  loaded.resolve();
  await waiting;
  await verifiedLog(countersign.services.deps, slow.id);
});

Deno.test("who waits for the store in vain is told so, and an org whose callers all were goes on", async () => {
  await using countersign = await Countersign.start();
  const { deps } = countersign.services;
  const [busy, other] = [await countersign.org(), await countersign.org()];
  const store = new WatchedStore(deps.kv);
  const waits: (() => void)[] = [];
  const timer = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waits.push(resolve);
    return { elapsed: promise, cancel: () => {} };
  };
  const ledgers = new Ledgers({ ...deps, kv: store, timer });
  const held = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  store.goOn = () => {
    sent.resolve();
    return held.promise;
  };
  const answers = Promise.allSettled([
    ledgers.transact(busy.id, append("silent")),
    sent.promise.then(() => ledgers.transact(other.id, append("never begun"))),
  ]);
  await sent.promise;
  await Promise.resolve();
  countersign.clock.advance(5000);
  for (const resolve of waits) resolve();
  assert.deepEqual((await answers).map(({ status }) => status), ["rejected", "rejected"]);
  held.resolve();
  await ledgers.transact(other.id, append("later"));
  assert.deepEqual(store.seen.map(({ of }) => of), [[busy.id], [other.id]]);
  const names = (await verifiedLog(deps, other.id)).map(({ entry }) => entry.subject.name);
  assert.equal(names.includes("never begun"), false);
});

Deno.test("orgs that change the same row lose no update, in one process and in another", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/countersign.kv`;
  const kv = await Deno.openKv(path);
  await using here = await Countersign.start({ kv });
  const ids: string[] = [];
  while (ids.length < 4) ids.push((await here.org()).id);
  const script = new URL("sharing_node.ts", import.meta.url).pathname;
  const config = new URL("../../deno.dev.json", import.meta.url).pathname;
  const other = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "-A", "--config", config, script],
      ...[path, here.secret.toHex(), "60", ...ids],
    ],
    stdout: "piped",
  }).spawn();
  const ended = other.output();
  let isOver = false;
  void ended.then(() => isOver = true);
  const counts: number[] = [];
  while (!isOver) {
    counts.push(...await Promise.all(ids.map((id) => here.services.ledgers.transact(id, addOne))));
  }
  const { stdout, success } = await ended;
  assert.ok(success);
  counts.push(...JSON.parse(new TextDecoder().decode(stdout)) as number[]);
  const all = Array.from(counts, (_, i) => i + 1);
  assert.deepEqual(counts.toSorted((a, b) => a - b), all);
  const logged: number[] = [];
  for (const id of ids) {
    for (const { entry } of await verifiedLog(here.services.deps, id)) {
      if (entry.type === "test.done") logged.push(Number(entry.subject.name));
    }
  }
  assert.deepEqual(logged.toSorted((a, b) => a - b), all);
  await here.server.shutdown();
  kv.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("checks of many orgs at once share commits, and each log has its own", async () => {
  await using countersign = await Countersign.start();
  const { deps } = countersign.services;
  const orgs = await Promise.all(Array.from({ length: 6 }, () => countersign.org()));
  for (const org of orgs) await org.tool("deploy");
  const answers = await Promise.all(Array.from({ length: 180 }, async (_, i) => {
    const org = orgs[i % 6] ?? assert.fail();
    const body = { tool_name: "deploy", reference_id: String(i) };
    return { org: org.id, i, got: await org.post("/v1/permissions/check", body) };
  }));
  for (const { id } of orgs) {
    const log = await verifiedLog(deps, id);
    for (const { i, got } of answers.filter(({ org }) => org === id)) {
      const entry = log[got.body.audit.index];
      assert.equal(entry?.leaf_hash, got.body.audit.leaf_hash);
      assert.equal(entry?.entry.data.reference_id, String(i));
    }
  }
});

Deno.test("callers hear of what landed once the next commit is on its way", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = new WatchedStore(kv);
  await using countersign = await Countersign.start({ kv: store });
  const { ledgers } = countersign.services;
  const orgs = [];
  for (let n = 0; n < 3; n++) orgs.push((await countersign.org()).id);
  const [a = "", b = "", c = ""] = orgs;
  store.seen.length = 0;
  let held = Promise.withResolvers<void>();
  store.goOn = () => held.promise;
  const landed = () => {
    held.resolve();
    held = Promise.withResolvers<void>();
  };
  const seen = async (commits: number) => {
    while (store.seen.length < commits) await new Promise((go) => setTimeout(go));
  };
  /** Of how many commits the store had heard when the caller did. */
  const heard = (org: string) => ledgers.transact(org, append("one")).then(() => store.seen.length);
  const first = heard(a);
  await seen(1);
  const together = [heard(a), heard(b)];
  landed();
  await seen(2);
  const last = heard(c);
  landed();
  await seen(3);
  landed();
  assert.deepEqual(store.seen.map(({ of }) => of.length), [1, 2, 1]);
  assert.deepEqual([await first, await Promise.all(together), await last], [2, [3, 3], 3]);
});
