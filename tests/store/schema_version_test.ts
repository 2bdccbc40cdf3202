import assert from "node:assert/strict";
import { migrate, type Migration, MIGRATIONS } from "../../lib/server/migrations.ts";
import { orgKey, schemaVersionKey } from "../../lib/store/keys.ts";
import { SCHEMA_VERSION, schemaVersion, stamp } from "../../lib/store/open_store.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { runTask, StartedProcess } from "../helpers/started_process.ts";

const SECRET = "0123456789abcdef".repeat(3);
const VARIABLES = { COUNTERSIGN_SECRET: SECRET };
const BROUGHT = /was brought from version/;

/** A folder with a store in it. */
class Place implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<Place> {
    const path = await Deno.makeTempDir();
    await Deno.mkdir(`${path}/data`);
    return new Place(path);
  }

  async use<R>(work: (countersign: Countersign, kv: Deno.Kv) => Promise<R>): Promise<R> {
    const kv = await Deno.openKv(`${this.path}/data/countersign.kv`);
    try {
      const secret = new TextEncoder().encode(SECRET);
      await using countersign = await Countersign.start({ kv, secret, clock: new TestClock() });
      return await work(countersign, kv);
    } finally {
      kv.close();
    }
  }

  version(): Promise<number> {
    return this.use((_, kv) => schemaVersion({ kv }));
  }

  /** What a start prints from its beginning to its end. */
  async started(): Promise<string> {
    const { process } = await StartedProcess.listening(this.path, VARIABLES);
    process.signal("SIGTERM");
    const { code, output } = await process.ended();
    assert.equal(code, 0, output);
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

Deno.test("the steps lead from a store without a version to that of this release, one after the other", () => {
  let version = 0;
  for (const { from, to } of MIGRATIONS) {
    assert.equal(from, version);
    assert.equal(to, from + 1);
    version = to;
  }
  assert.equal(version, SCHEMA_VERSION);
});

Deno.test("a new store has the version of the release that made it, and nothing is said", async () => {
  await using place = await Place.make();
  assert.doesNotMatch(await place.started(), BROUGHT);
  assert.equal(await place.version(), SCHEMA_VERSION);
});

Deno.test("a store of before is brought to this version by the first start, with a line for each step", async () => {
  await using place = await Place.make();
  const org = await place.use(async (countersign, kv) => {
    const { id } = await countersign.org();
    const { value } = await kv.get<Record<string, unknown>>([...orgKey(id)]);
    const { strict_levels_by: _later, ...before } = value ?? {};
    await kv.set([...orgKey(id)], { ...before, strict_levels: false });
    assert.equal(await schemaVersion({ kv }), 0);
    return id;
  });
  const lines = (await place.started()).split("\n").filter((line) => BROUGHT.test(line));
  assert.equal(lines.length, MIGRATIONS.length);
  assert.match(lines[0] ?? "", /from version 0 to 1/);
  await place.use(async (_, kv) => {
    assert.equal(await schemaVersion({ kv }), SCHEMA_VERSION);
    const { value } = await kv.get<Record<string, unknown>>([...orgKey(org)]);
    assert.equal(value?.strict_levels, true);
  });
  assert.doesNotMatch(await place.started(), BROUGHT);
});

Deno.test("a command of the operator brings a store of before to this version alike", async () => {
  await using place = await Place.make();
  await place.use((countersign) => countersign.org());
  const { code, out, err } = await runTask(place.path, "accept-clock", [], VARIABLES);
  assert.equal(code, 0, err);
  assert.match(err, BROUGHT);
  assert.doesNotMatch(out, BROUGHT);
  assert.equal(await place.version(), SCHEMA_VERSION);
});

Deno.test("a store of a newer release is refused, with both versions and what to do, and stays as it is", async () => {
  await using place = await Place.make();
  await place.started();
  const newer = SCHEMA_VERSION + 1;
  await place.use((_, kv) => kv.set([...schemaVersionKey()], { version: newer, more: "later" }));
  const before = await rows(place);
  await using process = await StartedProcess.start(place.path, VARIABLES);
  const { code, output } = await process.ended();
  assert.equal(code, 2, output);
  assert.match(output, /^COUNTERSIGN_KV: .*\n$/);
  assert.match(output, new RegExp(`has version ${newer}, .* versions up to ${SCHEMA_VERSION}\\.`));
  assert.match(output, /Start the release that wrote it.* restore a backup/);
  for (const [task, ...args] of [["recover", "ann@example.com"], ["accept-clock"]] as const) {
    assert.deepEqual(await runTask(place.path, task, args, VARIABLES), {
      code: 2,
      out: "",
      err: output,
    });
  }
  // Another secret does not hide it: a newer release may seal in another way.
  const other = { COUNTERSIGN_SECRET: "fedcba9876543210".repeat(3) };
  await using second = await StartedProcess.start(place.path, other);
  assert.equal((await second.ended()).output, output);
  assert.deepEqual(await rows(place), before);
});

Deno.test("a version that cannot be read is refused by the name of its row", async () => {
  await using place = await Place.make();
  await place.use((_, kv) => kv.set([...schemaVersionKey()], { version: "two" }));
  await using process = await StartedProcess.start(place.path, VARIABLES);
  const { code, output } = await process.ended();
  assert.equal(code, 2, output);
  assert.match(output, /^COUNTERSIGN_KV: The record \["schema_version"\] .*malformed.*\n$/);
});

Deno.test("steps run in order, one that was cut off begins again, and what is done is not done twice", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  await using countersign = await Countersign.start({ deps: { log } });
  const { services } = countersign;
  const done: string[] = [];
  let killed = true;
  const steps: Migration[] = [
    { from: 0, to: 1, what: "a", run: () => Promise.resolve(void done.push("a")) },
    {
      from: 1,
      to: 2,
      what: "b",
      run: () => {
        done.push("b");
        return killed ? Promise.reject(new Error("killed")) : Promise.resolve();
      },
    },
    { from: 2, to: 3, what: "c", run: () => Promise.resolve(void done.push("c")) },
  ];
  await assert.rejects(migrate(services, steps), /killed/);
  assert.equal(await schemaVersion(services.deps), 1);
  killed = false;
  await migrate(services, steps);
  await migrate(services, steps);
  assert.deepEqual(done, ["a", "b", "b", "c"]);
  assert.equal(await schemaVersion(services.deps), 3);
  assert.deepEqual(lines.filter((line) => BROUGHT.test(line)).length, 3);
});

Deno.test("of two processes that start at once both get there, and one says so", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  await using one = await Countersign.start({ deps: { log } });
  const { kv } = one.services.deps;
  await using two = await Countersign.start({ kv, secret: one.secret, deps: { log } });
  const { promise: both, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  // Each waits until the other runs its step, too.
  const step: Migration = {
    from: 0,
    to: 1,
    what: "meets",
    run: async () => {
      if (++runs === 2) resolve();
      await both;
    },
  };
  await Promise.all([migrate(one.services, [step]), migrate(two.services, [step])]);
  assert.equal(await schemaVersion({ kv }), 1);
  assert.equal(lines.filter((line) => BROUGHT.test(line)).length, 1);
  assert.equal(await stamp(one.services.deps, { from: 0, to: 1 }), false);
});

Deno.test("a step that the clock keeps from writing is left to a later start", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  await using countersign = await Countersign.start({ deps: { log } });
  const org = await countersign.org();
  await org.transact((transaction) => {
    const { strict_levels_by: _later, ...before } = transaction.snapshot.org;
    transaction.setPolicy(orgKey(org.id), { ...before, strict_levels: false });
  });
  countersign.clock.advance(-60 * 60_000);
  await migrate(countersign.services);
  assert.equal(await schemaVersion(countersign.services.deps), 0);
  assert.ok(lines.some((line) => line.startsWith("The store keeps its version")));
  countersign.clock.advance(60 * 60_000);
  await migrate(countersign.services);
  assert.equal(await schemaVersion(countersign.services.deps), SCHEMA_VERSION);
});

Deno.test("a process whose store a newer release takes over is not ready from its next minute on", async () => {
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  await using countersign = await Countersign.start({ deps: { log } });
  const { deps, processTimes } = countersign.services;
  await migrate(countersign.services);
  await processTimes.beat();
  assert.equal((await countersign.request("GET", "/readyz")).status, 200);
  await deps.kv.set([...schemaVersionKey()], { version: SCHEMA_VERSION + 1 });
  await processTimes.beat();
  const { status, body } = await countersign.request("GET", "/readyz");
  assert.deepEqual([status, body.store], [503, "failing"]);
  assert.ok(lines.includes("A newer release has taken over the store"));
});

async function rows(place: Place): Promise<unknown[]> {
  return await place.use((_, kv) =>
    Array.fromAsync(kv.list({ prefix: [] }), ({ key, versionstamp }) => [key, versionstamp])
  );
}
