import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { deleteAccount } from "../../lib/leaving/person.ts";
import { ERASED_AFTER_MS } from "../../lib/people/left_behind.ts";
import { sendRecoveryCode } from "../../lib/people/recover.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { compactStore, isCompactionDue, NotCompacted } from "../../lib/store/compact.ts";
import { erasedKey } from "../../lib/store/keys.ts";
import { TestClock } from "../helpers/countersign.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { CLIENT, People } from "../helpers/people.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { runTask, StartedProcess } from "../helpers/started_process.ts";

const SECRET = "0123456789abcdef".repeat(3);
const VARIABLES = { COUNTERSIGN_SECRET: SECRET };
const EMAIL = "forget.every.byte@example.com";
const GONE = "this was erased";
const FOLDER = PROJECT.href;

/** How often a text stands in the files of a folder, in any encoding that a value may have. */
async function found(path: string, text: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const wide = String.fromCharCode(...[...text].flatMap((one) => [one.charCodeAt(0), 0]));
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) continue;
    const bytes = new TextDecoder("latin1").decode(await Deno.readFile(`${path}/${name}`));
    const count = bytes.split(text).length + bytes.split(wide).length - 2;
    if (count > 0) counts[name] = count;
  }
  return counts;
}

/** A store with rows that stay and a row that went. */
async function storeWith(path: string, rows: number, marked = true): Promise<void> {
  const kv = await Deno.openKv(path);
  const gone = Array.from({ length: 40 }, (_, i) => ["gone", i]);
  for (const key of gone) await kv.set(key, GONE.repeat(50));
  for (let i = 0; i < rows; i += 100) {
    const operation = kv.atomic();
    for (let j = i; j < i + 100; j++) operation.set(["kept", j], { text: `row ${j} `.repeat(8) });
    await operation.commit();
  }
  for (const key of gone) await kv.delete(key);
  if (marked) await kv.set([...erasedKey()], { at: 1 });
  kv.close();
}

/** Every row, as the store gives it. */
async function rowsOf(path: string): Promise<unknown[]> {
  const kv = await Deno.openKv(path);
  const rows = await Array.fromAsync(kv.list({ prefix: ["kept"] }));
  kv.close();
  return rows;
}

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();
}

Deno.test("a store is rewritten with every row and version, and without what was deleted", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await storeWith(place.store, 2500);
  await Deno.chmod(place.store, 0o640);
  const before = await rowsOf(place.store);
  assert.equal(before.length, 2500);
  assert.ok(isCompactionDue(place.store));
  assert.deepEqual(Object.keys(await found(`${place.path}/data`, GONE)), ["countersign.kv"]);
  let ticks = 0;
  const told: number[] = [];
  const compacted = await compactStore(place.store, {
    now: () => ticks += 600,
    progress: (rows) => told.push(rows),
  });
  // Two rows are of Deno KV itself.
  assert.equal(compacted.rows, 2502);
  assert.ok(told.length > 0 && told.every((rows) => rows % 1000 === 0));
  assert.equal((await Deno.stat(place.store)).size, compacted.after);
  assert.equal((await Deno.stat(place.store)).mode! & 0o777, 0o640);
  assert.deepEqual(await found(`${place.path}/data`, GONE), {});
  assert.deepEqual(await namesIn(`${place.path}/data`), ["countersign.kv"]);
  assert.ok(!isCompactionDue(place.store));
  assert.deepEqual(await rowsOf(place.store), before);
  // What is written next comes after all versions of before.
  const kv = await Deno.openKv(place.store);
  const next = await kv.set(["next"], 1);
  kv.close();
  assert.ok(before.every((row) => (row as Deno.KvEntry<unknown>).versionstamp < next.versionstamp));
});

Deno.test("what has expired, and was not deleted yet, is not copied", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  const kv = await Deno.openKv(place.store);
  await kv.set(["kept", 1], "lasts", { expireIn: 1_000_000 });
  await kv.set(["kept", 2], "code of somebody", { expireIn: 500_000 });
  kv.close();
  await compactStore(place.store, { now: () => Date.now() + 600_000 });
  assert.deepEqual(await found(`${place.path}/data`, "code of somebody"), {});
  assert.equal((await rowsOf(place.store)).length, 1);
  using database = new DatabaseSync(place.store);
  const row = database.prepare("SELECT count(*) AS n FROM kv WHERE expiration_ms > 0").get();
  assert.equal(row?.n, 1);
});

Deno.test("a compaction that is killed leaves the store whole, and the next start finishes it", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await storeWith(place.store, 3000);
  const before = await rowsOf(place.store);
  const script = `
    import { compactStore } from "${FOLDER}lib/store/compact.ts";
    let ticks = 0;
    await compactStore(${JSON.stringify(place.store)}, {
      now: () => ticks += 2000,
      progress: () => Deno.kill(Deno.pid, "SIGKILL"),
    });`;
  const { signal } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", new URL("deno.json", FOLDER).pathname, script],
    stdout: "null",
    stderr: "null",
  }).output();
  assert.equal(signal, "SIGKILL");
  assert.ok((await namesIn(`${place.path}/data`)).includes("countersign.kv.compact"));
  assert.deepEqual(await rowsOf(place.store), before);
  assert.ok(isCompactionDue(place.store));
  const { process } = await StartedProcess.listening(place.path, VARIABLES);
  await using _process = process;
  const line = await process.line("Compacted the store");
  assert.ok(Number(line.after_bytes) > 0);
  process.signal("SIGTERM");
  assert.equal((await process.ended()).code, 0);
  assert.deepEqual(await found(`${place.path}/data`, GONE), {});
  assert.ok(!(await namesIn(`${place.path}/data`)).includes("countersign.kv.compact"));
  assert.deepEqual(await rowsOf(place.store), before);
});

Deno.test("a store that another process has open, and a file that is none, stay as they are", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await storeWith(place.store, 100);
  // One that knows nothing of the lock, such as an editor of databases.
  using other = new DatabaseSync(place.store);
  other.exec("BEGIN; SELECT * FROM kv LIMIT 1");
  const compaction = compactStore(place.store, { now: Date.now });
  await assert.rejects(compaction, /Another process has the file open/);
  other.exec("COMMIT");
  other.close();
  assert.deepEqual(await namesIn(`${place.path}/data`), ["countersign.kv"]);
  const text = `${place.path}/data/note.txt`;
  await Deno.writeTextFile(text, "no database at all, whatever its length may be".repeat(40));
  await assert.rejects(compactStore(text, { now: Date.now }), NotCompacted);
  assert.match(await Deno.readTextFile(text), /no database/);
  assert.equal((await rowsOf(place.store)).length, 100);
});

Deno.test("a start that cannot rewrite the store says why, serves, and leaves it to the next", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await storeWith(place.store, 100);
  const inTheWay = `${place.store}.compact`;
  await Deno.mkdir(`${inTheWay}/full`, { recursive: true });
  {
    const { process } = await StartedProcess.listening(place.path, VARIABLES);
    await using _process = process;
    const line = await process.line("The store is not compacted");
    assert.match(
      String(line.why),
      /countersign\.kv\.compact or its folder cannot be read or written/,
    );
    process.signal("SIGTERM");
    await process.ended();
  }
  assert.ok(isCompactionDue(place.store));
  await Deno.remove(inTheWay, { recursive: true });
  const { process } = await StartedProcess.listening(place.path, VARIABLES);
  await using _process = process;
  await process.line("Compacted the store");
  process.signal("SIGTERM");
  await process.ended();
  assert.deepEqual(await found(`${place.path}/data`, GONE), {});
});

Deno.test("where the store's name leads elsewhere, the file that it leads to is rewritten", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  const real = `${place.path}/real.kv`;
  await storeWith(real, 100);
  await Deno.symlink(real, place.store);
  await compactStore(place.store, { now: Date.now });
  assert.ok((await Deno.lstat(place.store)).isSymlink);
  assert.deepEqual(await found(place.path, GONE), {});
  assert.equal((await rowsOf(place.store)).length, 100);
});

Deno.test("a process that opens the store while the copy is synced keeps it from being replaced", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await storeWith(place.store, 100);
  const { sync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.sync = async function () {
    await sync.call(this);
    await Deno.writeTextFile(`${place.store}-wal`, "what another process has written");
  };
  try {
    await assert.rejects(compactStore(place.store, { now: Date.now }), /has opened the file/);
  } finally {
    Deno.FsFile.prototype.sync = sync;
  }
  assert.deepEqual(Object.keys(await found(`${place.path}/data`, GONE)), ["countersign.kv"]);
});

Deno.test("compact: says what it did, and refuses a store that is in use or no file", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  const run = (args: string[] = [], variables: Record<string, string> = VARIABLES) =>
    runTask(place.path, "compact", args, variables);
  const none = await run();
  assert.equal(none.code, 2, none.out);
  assert.match(none.err, /there is no store data\/countersign\.kv/);
  const remote = await run([], { ...VARIABLES, COUNTERSIGN_KV: "https://kv.example.com" });
  assert.equal(remote.code, 2);
  assert.match(remote.err, /not a file of this host/);
  assert.equal((await run(["data"])).code, 2);
  {
    const { process } = await StartedProcess.listening(place.path, VARIABLES);
    await using _process = process;
    const used = await run();
    assert.equal(used.code, 2);
    assert.match(used.err, /another process holds the store/);
    process.signal("SIGTERM");
    await process.ended();
  }
  await storeWith(place.store, 500, false);
  assert.ok(Object.keys(await found(`${place.path}/data`, GONE)).length > 0);
  const done = await run();
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /^Compacted data\/countersign\.kv: \d+ bytes before, \d+ after, \d+ rows/);
  assert.deepEqual(await found(`${place.path}/data`, GONE), {});
});

Deno.test("a week after an account was deleted its address is in no file of a store that is compacted", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  const kv = await Deno.openKv(place.store);
  const clock = new TestClock(Date.now());
  try {
    const secret = new TextEncoder().encode(SECRET);
    await using people = await People.start({ kv, secret, clock });
    const { services } = people;
    const { session: boss } = await people.withOwner();
    const person = people.person(EMAIL);
    const { secret: first } = await person.accept(await people.invited(boss, EMAIL, "admin"));
    await people.invited(await people.session(first), "friend@example.com");
    const { secret: second } = await person.signIn();
    await sendRecoveryCode(services, { email: EMAIL, flow: person.flow }, CLIENT);
    await sweep(services, clock.now);
    await deleteAccount(services, await people.session(second), CLIENT);
    assert.ok(!isCompactionDue(place.store));
    clock.advance(ERASED_AFTER_MS);
    await sweep(services, clock.now);
  } finally {
    kv.close();
  }
  assert.deepEqual(Object.keys(await found(`${place.path}/data`, EMAIL)), ["countersign.kv"]);
  assert.ok(isCompactionDue(place.store));
  await compactStore(place.store, { now: () => clock.now });
  assert.deepEqual(await found(`${place.path}/data`, EMAIL), {});
});
