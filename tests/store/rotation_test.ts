import assert from "node:assert/strict";
import { rotateSecret, startSecretRotation } from "../../lib/server/rotation.ts";
import {
  approvalViewKey,
  DEPLOYMENT_ORG,
  logPrivateKey,
  runTokenArgumentsKey,
  SEALED_KINDS,
} from "../../lib/store/keys.ts";
import { Sealer } from "../../lib/store/sealing.ts";
import { StoreRefused } from "../../lib/store/store_faults.ts";
import { systemRandom } from "../../lib/store/system.ts";
import type { Countersign } from "../helpers/countersign.ts";
import { FailingStore, type Fault } from "../helpers/failing_store.ts";
import { StartedProcess } from "../helpers/started_process.ts";
import { type StoredEntry, verifiedLog } from "../helpers/stored_log.ts";
import { interrupted, Rotated, SealedLife, SECRETS, type Written } from "./sealed_life.ts";

const NEVER = new AbortController().signal;
const total = (counts: object) => Object.values(counts).reduce((sum, count) => sum + count, 0);

async function rotated(node: Countersign) {
  return await rotateSecret(node.services, NEVER) ?? assert.fail("it was stopped");
}

/** The entries of the deployment's log that say that the secret was rotated. */
async function entries(node: Countersign): Promise<StoredEntry[]> {
  const log = await verifiedLog(node.services.deps, DEPLOYMENT_ORG);
  return log.filter(({ entry }) => entry.type === "secret.rotated");
}

Deno.test("rotateSecret() leaves nothing under the previous secret, and everything reads without it", async () => {
  await using store = await Rotated.start();
  const life = await SealedLife.on(await store.node(store.first));
  const before = await life.seen();
  assert.deepEqual(
    [...store.first.kinds].sort(),
    ["canary", ...SEALED_KINDS].sort(),
    "every kind of row is made here: one that is not needs a scene of its own",
  );
  assert.ok((await store.left()).length > 20);

  const both = await store.after("b", "a");
  assert.deepEqual(await life.through(both).seen(), before, "it reads while it is under way");
  const { rows, resealed, unreadable } = await rotated(both);
  assert.deepEqual(await store.left(), []);
  for (const kind of SEALED_KINDS) assert.ok(resealed[kind] > 0, kind);
  assert.equal(unreadable.rows, 0);
  assert.ok(total(rows) > total(resealed), "what was written meanwhile was sealed well already");
  const [entry] = await entries(both);
  assert.deepEqual(entry?.entry.data, { rows, resealed, unreadable: 0 });

  const after = await store.after("b", null);
  assert.deepEqual(await life.through(after).seen(), before);
  await verifiedLog(after.services.deps, life.it.org.id);
  const decided = await life.through(after).it.decide(life.pending, "approve", { note: "fine" });
  assert.equal(decided.status, 200, decided.text);
});

Deno.test("rotateSecret() does nothing more, and logs no second entry, when it is done", async () => {
  await using store = await Rotated.start();
  await SealedLife.on(await store.node(store.first));
  await rotated(await store.after("b", "a"));
  const again = await store.after("b", "a");
  assert.equal(total((await rotated(again)).resealed), 0);
  assert.equal((await entries(again)).length, 1);
});

Deno.test("a second rotation works once the first is done, and is refused before", async () => {
  await using store = await Rotated.start();
  const life = await SealedLife.on(await store.node(store.first));
  const before = await life.seen();
  const both = await store.after("b", "a");
  await assert.rejects(store.after("c", "b"), StoreRefused);
  await rotated(both);
  await assert.rejects(store.after("c", "a"), StoreRefused);
  await rotated(await store.after("c", "b"));
  const after = await store.after("c", null);
  assert.deepEqual(await life.through(after).seen(), before);
  assert.equal((await entries(after)).length, 2);
  await assert.rejects(store.after("b", null), StoreRefused);
});

/** Of these the walk hears all the same that its commit landed. */
const TOLD: readonly Fault[] = ["answer_lost", "repeats"];

for (const fault of ["fails", "lands_after_next", ...TOLD] satisfies Fault[]) {
  Deno.test(`a rotation that ends in the middle loses nothing and is gone on with: ${fault}`, async () => {
    await using store = await Rotated.start();
    const life = await SealedLife.on(await store.node(store.first));
    const before = await life.seen();
    let runs = 0;
    for (let done = false; !done; runs++) {
      assert.ok(runs < 100, "it gets on");
      const failing = new FailingStore(store.kv);
      const node = await store.after("b", "a", failing);
      let commits = 0;
      failing.fault = ({ kind }) => kind === "commit" && ++commits === 2 ? fault : null;
      done = await rotateSecret(node.services, NEVER).then(() => true, () => false);
      await failing.heal();
      if (runs < 2) assert.deepEqual(await life.through(node).seen(), before);
    }
    assert.ok(TOLD.includes(fault) ? runs === 1 : runs > 2, `${runs} runs`);
    assert.deepEqual(await store.left(), []);
    const after = await store.after("b", null);
    assert.deepEqual(await life.through(after).seen(), before);
    assert.equal((await entries(after)).length, 1);
  });
}

Deno.test("two nodes that rotate at once share the rows, and log one entry", async () => {
  await using store = await Rotated.start();
  const life = await SealedLife.on(await store.node(store.first));
  const before = await life.seen();
  const nodes = [await store.after("b", "a"), await store.after("b", "a")];
  const left = (await store.left()).filter((key) => key !== "canary").length;
  const [one, two] = await Promise.all(nodes.map(rotated));
  assert.equal(total(one?.resealed ?? {}) + total(two?.resealed ?? {}), left, "each row once");
  const after = await store.after("b", null);
  assert.deepEqual(await life.through(after).seen(), before);
  assert.equal((await entries(after)).length, 1);
});

Deno.test("what is decided, asked and erased during the walk stands", async () => {
  await using store = await Rotated.start();
  const first = await store.node(store.first);
  const life = await SealedLife.on(first);
  const { it, pending } = life;
  await it.settings({ retain_arguments: false });
  const { id: withdrawn } = await it.pending({ arguments: { id: 4 } });
  const other = life.through(await store.after("b", "a")).it;
  const view = approvalViewKey(it.org.id, withdrawn, 0);
  // More often than one walk tries a row.
  const asked = ["once more", "and again", "please", "it burns", "hurry", "last time"];
  const done: string[] = [];
  const before = async (writes: readonly Written[]) => {
    const kinds = new Set(writes.map(({ key }) => key[0]));
    const reason = kinds.has("approval") ? asked.shift() : undefined;
    if (reason !== undefined) {
      assert.equal((await other.ask({ arguments: { id: 1 }, reason })).status, 200);
      done.push("asked");
      if (asked.length === 0) {
        const decided = await other.decide(pending, "deny", { note: "no, really" });
        assert.equal(decided.status, 200, decided.text);
        done.push("denied");
      }
    }
    if (writes.some(({ key }) => key.join() === view.join()) && !done.includes("withdrawn")) {
      assert.equal((await other.cancel(withdrawn)).status, 200);
      done.push("withdrawn");
    }
  };
  const node = await store.after("b", "a", interrupted(store.kv, before));
  await rotated(node);
  assert.deepEqual(done.toSorted(), [...Array(6).fill("asked"), "denied", "withdrawn"]);
  assert.deepEqual(await store.left(), []);
  assert.equal((await store.kv.get(view)).value, null, "erased arguments do not come back");
  const { body } = await life.through(await store.after("b", null)).it.get(
    pending,
    it.org.approver,
  );
  assert.equal(body.status, "denied");
  assert.equal(body.decisions[0].note, "no, really");
});

Deno.test("what a node under the previous secret writes behind the walk is found too", async () => {
  await using store = await Rotated.start();
  const first = await store.node(store.first);
  const { it } = await SealedLife.on(first);
  let late = 3;
  const node = await store.after(
    "b",
    "a",
    interrupted(store.kv, async (writes) => {
      const last = writes.some(({ key }) => key[0] === "log_private");
      if (last && late-- > 0) await it.org.post("/v1/permissions/check", { tool_name: "restart" });
    }),
  );
  await rotated(node);
  assert.deepEqual(await store.left(), []);
});

Deno.test("a row that ends keeps its end when it is sealed anew", async () => {
  await using store = await Rotated.start();
  const { it } = await SealedLife.on(await store.node(store.first));
  const written: Written[] = [];
  const kv = interrupted(store.kv, (writes) => Promise.resolve(written.push(...writes)));
  store.clock.advance(1000);
  await rotated(await store.after("b", "a", kv));
  const rows = { prefix: [...runTokenArgumentsKey(it.org.id, "").slice(0, 2)] };
  for await (const { key, value } of store.kv.list<{ expires_at: number }>(rows)) {
    const write = written.find((one) => one.key.join() === key.join());
    assert.equal(write?.expireIn, value.expires_at - store.clock.now);
  }
  const ending = written.filter(({ expireIn }) => expireIn !== undefined).map(({ key }) => key[0]);
  const kinds = new Set(ending.filter((kind) => kind !== "commit_mark"));
  assert.deepEqual([...kinds], [
    "token_key",
    "run_token_arguments",
    "call_result",
    "vault_before",
    "vault_connect",
    "device_login",
  ]);
});

Deno.test("rows that open under neither secret are named, left, and hold nothing up", async () => {
  await using store = await Rotated.start();
  const { it } = await SealedLife.on(await store.node(store.first));
  const lost = logPrivateKey(it.org.id, 9_000);
  const foreign = new Sealer(SECRETS.c, null, systemRandom).seal(lost, new Uint8Array(8));
  const malformed = logPrivateKey(it.org.id, 9_001);
  await store.kv.set(lost, { sealed: foreign });
  await store.kv.set(malformed, { sealed: "text" });
  const both = await store.after("b", "a");
  const { unreadable } = await rotated(both);
  assert.deepEqual(unreadable, { rows: 2, first: lost });
  assert.deepEqual((await store.kv.get(lost)).value, { sealed: foreign });
  assert.deepEqual((await store.kv.get(malformed)).value, { sealed: "text" });
  assert.deepEqual(await store.left(), []);
});

Deno.test("startSecretRotation() does nothing without a previous secret, and stops when told", async () => {
  await using store = await Rotated.start();
  await SealedLife.on(await store.node(store.first));
  await startSecretRotation((await store.after("a", null)).services).stop();
  const left = await store.left();
  const rotation = startSecretRotation((await store.after("b", "a")).services);
  await rotation.stop();
  assert.ok((await store.left()).length > 0, "it stops in the middle");
  assert.ok((await store.left()).length <= left.length);
});

Deno.test("startSecretRotation() begins again after a failure of the store", async () => {
  await using store = await Rotated.start();
  await SealedLife.on(await store.node(store.first));
  const failing = new FailingStore(store.kv);
  const { services } = await store.after("b", "a", failing);
  let commits = 0;
  failing.fault = ({ kind }) => kind === "commit" && ++commits === 2 ? "hangs" : null;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const lines: string[] = [];
  const log = (_level: string, message: string) => {
    lines.push(message);
    if (message.startsWith("The secret is rotated")) resolve();
  };
  const deps = { ...services.deps, log, timer: hurried(failing) };
  const rotation = startSecretRotation({ ...services, deps });
  await over;
  await rotation.stop();
  assert.ok(lines.some((line) => line.endsWith("failed and is tried again")), lines.join("\n"));
  assert.deepEqual(await store.left(), []);
});

/** The failing store's own timer, by which the wait before another try passes at once too. */
function hurried(failing: FailingStore): FailingStore["timer"] {
  return (milliseconds) => failing.timer(milliseconds === 60_000 ? 0 : milliseconds);
}

Deno.test("start: with COUNTERSIGN_SECRET_PREVIOUS the log says when it can be removed, and then it can", async () => {
  const folder = await Deno.makeTempDir();
  const [old, next] = ["0123456789abcdef".repeat(3), "fedcba9876543210".repeat(3)];
  const run = async (variables: Record<string, string>, message: string) => {
    const { process } = await StartedProcess.listening(folder, variables);
    await using _ = process;
    const line = await process.line(message);
    process.signal("SIGTERM");
    assert.equal((await process.ended()).code, 0);
    return line;
  };
  try {
    const { COUNTERSIGN_BOOTSTRAP_KEY } = {
      COUNTERSIGN_BOOTSTRAP_KEY: `cs_mgmt_${"0123456789".repeat(4)}`,
    };
    await run({ COUNTERSIGN_SECRET: old, COUNTERSIGN_BOOTSTRAP_KEY }, "Countersign listens");
    const both = { COUNTERSIGN_SECRET: next, COUNTERSIGN_SECRET_PREVIOUS: old };
    const line = await run(both, "The secret is rotated");
    assert.match(String(line.message), /Remove COUNTERSIGN_SECRET_PREVIOUS/);
    assert.equal(line.log_key, 2);
    await run({ COUNTERSIGN_SECRET: next }, "Countersign listens");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
