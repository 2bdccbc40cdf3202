/**
 * An echo that answers only when it is stored: it parses the JSON and joins a group commit of the
 * bytes that a check writes (three rows checked, the log's head, a segment, a sealed row), then
 * answers as many bytes with the same headers. It knows no caller, validates, scrubs, digests and
 * decides nothing and has no tree: the least that a durable answer costs on this platform.
 *
 * `durable_echo.ts STORE` serves on a port that it says on standard output.
 */

/** What one check of the sample questions adds to the rows of its commit. */
const LEAF_BYTES = 900;
const PRIVATE_BYTES = 396;
/** Nonce and tag of a sealed row. */
const SEAL_BYTES = 28;
/** What stands before the entries in a segment: a name and a time. */
const HEAD_BYTES = 18;
/** The log's head: how many entries, when, and the hashes at the right edge of a hundred thousand. */
const LOG_HEAD_BYTES = 12 + 32 * 8;
/** As many as fit in one row, which are more than the connections of any load here. */
const MAX_BATCH = 60;
const BODY_BYTES = 550;

const [path = ""] = Deno.args;
const kv = await Deno.openKv(path);
const POLICY = ["durable_echo", "policy"];
const TURN = ["durable_echo", "turn"];
const HEAD = ["durable_echo", "head"];
const policy = await kv.set(POLICY, { version: 1 });
let head = (await kv.get(HEAD)).versionstamp;
let size = 0;

const leaves = crypto.getRandomValues(new Uint8Array(HEAD_BYTES + MAX_BATCH * LEAF_BYTES));
const sealed = crypto.getRandomValues(new Uint8Array(MAX_BATCH * PRIVATE_BYTES + SEAL_BYTES));
const logHead = crypto.getRandomValues(new Uint8Array(LOG_HEAD_BYTES));

let waiting: PromiseWithResolvers<void>[] = [];
let isRunning = false;

/** Resolves when the commit that carries the caller is stored. */
function stored(): Promise<void> {
  const caller = Promise.withResolvers<void>();
  waiting.push(caller);
  if (!isRunning) void run();
  return caller.promise;
}

/** While one commit is on its way callers gather, and the next carries them all. */
async function run(): Promise<void> {
  isRunning = true;
  while (waiting.length > 0) {
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    try {
      await commit(batch.length);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
  isRunning = false;
}

async function commit(count: number): Promise<void> {
  const first = size;
  size += count;
  const answer = await kv.atomic()
    .check({ key: POLICY, versionstamp: policy.versionstamp })
    .check({ key: TURN, versionstamp: null })
    .check({ key: HEAD, versionstamp: head })
    .set(HEAD, logHead.slice())
    .set(["durable_echo", "log", first], leaves.slice(0, HEAD_BYTES + count * LEAF_BYTES))
    .set(["durable_echo", "private", first], sealed.slice(0, count * PRIVATE_BYTES + SEAL_BYTES))
    .commit();
  if (!answer.ok) throw new Error("A commit that nobody competed with was refused");
  head = answer.versionstamp;
}

const body = JSON.stringify({ answer: "" });
const text = body.replace(`""`, `"${"a".repeat(BODY_BYTES - body.length)}"`);
const headers = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-request-id": "req_00000000000000000000000000",
};

Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(JSON.stringify({ port })) },
  async (request) => {
    await request.json();
    await stored();
    return new Response(text, { headers });
  },
);
