import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { rounds } from "../helpers/property_runs.ts";
import { rawAnswer } from "../helpers/raw_request.ts";
import { runTask, StartedProcess } from "../helpers/started_process.ts";

/**
 * Stores that a start or a command of the operator cannot use: exit status 2, and one message that
 * names the store, what is wrong and what to do.
 */

const VARIABLES = { COUNTERSIGN_SECRET: "0123456789abcdef".repeat(3) };
const STORE = "data/countersign.kv";
/** Disks of their own are for root to make. */
const needsRoot = { ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 };

class Place implements AsyncDisposable {
  #mounted = false;

  private constructor(readonly path: string) {}

  static async make(): Promise<Place> {
    const path = await Deno.makeTempDir();
    await Deno.mkdir(`${path}/data`);
    return new Place(path);
  }

  get store(): string {
    return `${this.path}/${STORE}`;
  }

  /** A store with rows of some megabytes. */
  async filled(): Promise<void> {
    const kv = await Deno.openKv(this.store);
    for (let part = 0; part < 20; part++) {
      const rows = kv.atomic();
      for (let row = 0; row < 100; row++) {
        rows.set(["row", part, row], new Uint8Array(1000).fill(7));
      }
      await rows.commit();
    }
    kv.close();
  }

  async damage(from: number, bytes: number): Promise<void> {
    using file = await Deno.open(this.store, { write: true });
    await file.seek(from, Deno.SeekMode.Start);
    await file.write(new Uint8Array(bytes).fill(0xa5));
  }

  /** Has `data` lie on a small disk of its own. */
  async disk(options: string): Promise<void> {
    await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", `${this.path}/data`);
    this.#mounted = true;
  }

  async remount(options: string): Promise<void> {
    await run("mount", "-o", `remount,${options}`, `${this.path}/data`);
  }

  /** Takes what room is left on the disk. */
  async fill(): Promise<void> {
    using file = await Deno.open(`${this.path}/data/other`, { create: true, append: true });
    for (const size of [65536, 512]) {
      const some = new Uint8Array(size);
      await assert.rejects(async () => {
        for (;;) await file.write(some);
      }, /No space left/);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mounted) await run("umount", "-l", `${this.path}/data`);
    await Deno.remove(this.path, { recursive: true });
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** What the start says, and nothing else. */
async function startRefused({ path }: Place, variables = {}): Promise<string> {
  await using process = await StartedProcess.start(path, { ...VARIABLES, ...variables });
  const { code, output } = await process.ended();
  assert.equal(code, 2, output);
  assert.match(output, /^COUNTERSIGN_KV: .*\n$/, "one message");
  return output;
}

const TASKS = [["recover", "ann@example.com"], ["accept-clock"], ["compact"]] as const;

let turn = 0;

/**
 * The same of the commands of the operator, too, which must say the same: of one of them, in turn,
 * and of each in the long tests.
 */
async function refused(place: Place, tasks: number = TASKS.length): Promise<string> {
  const said = await startRefused(place);
  const first = turn++;
  for (let i = 0; i < rounds(1, tasks); i++) {
    const [task, ...args] = TASKS[(first + i) % tasks] ?? assert.fail("no command");
    const ran = await runTask(place.path, task, args, VARIABLES);
    assert.deepEqual(ran, { code: 2, out: "", err: said });
  }
  return said;
}

Deno.test("a file that is no database is named, with what to do", async () => {
  await using place = await Place.make();
  await Deno.writeTextFile(place.store, "notes, not a database\n".repeat(99));
  const said = await refused(place);
  assert.match(said, /the store data\/countersign\.kv does not open: the file is no store/);
  assert.match(said, /move this one away and start again/);
  assert.match(await Deno.readTextFile(place.store), /^notes/);
});

Deno.test("a database of something else is not taken for a store", async () => {
  await using place = await Place.make();
  const { DatabaseSync } = await import("node:sqlite");
  const other = new DatabaseSync(place.store);
  other.exec("CREATE TABLE notes (text)");
  other.close();
  const before = await Deno.readFile(place.store);
  assert.match(await refused(place), /the file is no store/);
  assert.deepEqual(await Deno.readFile(place.store), before);
});

Deno.test("a damaged page in the middle of the file is met at the start, and nothing is written", async () => {
  await using place = await Place.make();
  await place.filled();
  await place.damage(1_000_000, 20_000);
  const before = await Deno.readFile(place.store);
  const said = await refused(place);
  assert.match(said, /data\/countersign\.kv does not open: the file is damaged \(/);
  assert.match(said, /put a backup in its place/);
  assert.deepEqual(await Deno.readFile(place.store), before);
});

Deno.test("a file that was cut off, or whose first page is damaged, is named as damaged", async () => {
  await using place = await Place.make();
  await place.filled();
  await Deno.truncate(place.store, 1_000_000);
  assert.match(await refused(place), /the file is damaged/);
  await Deno.remove(place.store);
  await place.filled();
  await place.damage(100, 3000);
  assert.match(await refused(place), /the file is damaged/);
});

Deno.test("a store whose process was killed is looked through with what lies beside it", async () => {
  await using place = await Place.make();
  const first = await StartedProcess.listening(place.path, VARIABLES);
  first.process.signal("SIGKILL");
  await first.process.ended();
  const { size } = await Deno.stat(`${place.store}-wal`);
  assert.ok(size > 0);
  const again = await StartedProcess.listening(place.path, VARIABLES);
  again.process.signal("SIGTERM");
  const { code, output } = await again.process.ended();
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /was brought from version/, "what was written is there");
});

Deno.test("a path that is a folder, or lies in what is none, is named", async () => {
  await using place = await Place.make();
  await Deno.mkdir(place.store);
  assert.match(await refused(place), /does not open: it is a folder .*Give the path of a file/);
  await Deno.remove(place.store);
  await Deno.writeTextFile(`${place.path}/data/notes`, "");
  assert.match(
    await startRefused(place, { COUNTERSIGN_KV: "data/notes/a.kv" }),
    /its folder cannot be made .*Make data\/notes a folder/,
  );
});

Deno.test("a file that another program has locked is named", async () => {
  await using place = await Place.make();
  await place.filled();
  const { DatabaseSync } = await import("node:sqlite");
  using other = new DatabaseSync(place.store);
  other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  assert.match(await startRefused(place), /another program has locked it .*End what has it open/);
});

Deno.test({
  name: "a disk that is full at the start is named, and the start works once there is room",
  ...needsRoot,
  async fn() {
    await using place = await Place.make();
    await place.disk("size=1m");
    await place.fill();
    await Deno.writeTextFile(place.store, "");
    // Compacting needs more than a start does, and says so itself.
    assert.match(await refused(place, 2), /the disk is full .*Free space on the disk of data/);
    await place.remount("size=64m");
    const { process } = await StartedProcess.listening(place.path, VARIABLES);
    await using _ = process;
  },
});

Deno.test({
  name: "a disk that is full leaves no half-written secret behind",
  ...needsRoot,
  async fn() {
    await using place = await Place.make();
    await place.disk("size=1m");
    await place.fill();
    await Deno.mkdir(`${place.path}/data/config`);
    await Deno.symlink(`${place.path}/data/config`, `${place.path}/config`);
    // A store beside the secret is refused before that.
    const elsewhere = { COUNTERSIGN_KV: `${place.path}/store/x.kv` };
    await using process = await StartedProcess.start(place.path, elsewhere);
    const { code, output } = await process.ended();
    assert.equal(code, 2, output);
    assert.match(
      output,
      /^COUNTERSIGN_SECRET is to come from config\/secret.*the disk is full.*Free/,
    );
    assert.deepEqual([...Deno.readDirSync(`${place.path}/data/config`)], []);
  },
});

Deno.test({
  name: "a disk that is mounted read-only is named, whether the store is there or not",
  ...needsRoot,
  async fn() {
    await using place = await Place.make();
    await place.disk("size=16m");
    await place.filled();
    await place.remount("ro");
    const said = await refused(place);
    assert.match(said, /it cannot be written .*Let this user write the folder data /);
    await place.remount("rw");
    await Deno.remove(place.store);
    await place.remount("ro");
    assert.match(await startRefused(place), /it cannot be written/);
  },
});

Deno.test({
  name: "a file that cannot be written, in a folder that can, is named",
  ...needsRoot,
  async fn() {
    await using place = await Place.make();
    await place.filled();
    await run("mount", "--bind", place.store, place.store);
    try {
      await run("mount", "-o", "remount,bind,ro", place.store);
      assert.match(await refused(place), /it cannot be written/);
    } finally {
      await run("umount", "-l", place.store);
    }
  },
});

Deno.test({
  name:
    "a disk that fills while the process runs: 503, not ready, and both are over once there is room",
  ...needsRoot,
  async fn() {
    await using place = await Place.make();
    await place.disk("size=4m");
    const kv = await Deno.openKv(place.store);
    const secret = new TextEncoder().encode(VARIABLES.COUNTERSIGN_SECRET);
    const made = await Countersign.start({ kv, secret });
    const org = await made.org();
    await made[Symbol.asyncDispose]();
    kv.close();
    const { process, port } = await StartedProcess.listening(place.path, {
      ...VARIABLES,
      COUNTERSIGN_URL: "http://localhost",
    });
    await using _ = process;
    const ask = async (line: string, body = "") => {
      const head = `${line} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${org.standard}\r\n` +
        `content-length: ${body.length}\r\n\r\n`;
      const { status, text } = await rawAnswer(port, head, body);
      return { status, body: JSON.parse(text) };
    };
    const check = () => ask("POST /v1/permissions/check", JSON.stringify({ tool_name: "a" }));
    assert.equal((await check()).status, 200);
    assert.equal((await ask("GET /readyz")).status, 200);

    await place.fill();
    let answer = await check();
    // What is there already of the file takes some more.
    for (let asked = 0; answer.status === 200 && asked < 2000; asked++) answer = await check();
    assert.deepEqual([answer.status, answer.body.code], [503, "store_unavailable"]);
    const notReady = await ask("GET /readyz");
    assert.deepEqual([notReady.status, notReady.body.store], [503, "failing"]);
    await process.seen("The store does not take commits");

    await place.remount("size=64m");
    assert.equal((await check()).status, 200);
    assert.equal((await ask("GET /readyz")).status, 200);
    process.signal("SIGTERM");
    assert.equal((await process.ended()).code, 0);
  },
});
