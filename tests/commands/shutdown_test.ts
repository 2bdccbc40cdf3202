import assert from "node:assert/strict";
import { prefixedLeafHash } from "../../lib/base/sha256.ts";
import { leavesFrom, LogTail } from "../../lib/ledger/log_tail.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign } from "../helpers/countersign.ts";
import { rawAnswer, RawRequest } from "../helpers/raw_request.ts";
import { StartedProcess } from "../helpers/started_process.ts";

const SECRET = systemRandom(48).toBase64();

/** A folder with a store that has one org with a standard key. */
async function prepared() {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/data`);
  const kv = await Deno.openKv(`${folder}/data/countersign.kv`);
  const countersign = await Countersign.start({ kv, secret: new TextEncoder().encode(SECRET) });
  const org = await countersign.org();
  await countersign[Symbol.asyncDispose]();
  kv.close();
  return {
    folder,
    key: org.standard,
    org: org.id,
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** The hashes of all leaves of the stored log, which the head must have the number of. */
async function leafHashes(folder: string, org: string): Promise<string[]> {
  using kv = await Deno.openKv(`${folder}/data/countersign.kv`);
  const { size } = (await LogTail.load(kv, org)).head;
  const hashes: string[] = [];
  for await (const { leaf } of leavesFrom(kv, org, 0, size)) {
    hashes.push(prefixedLeafHash(leaf).toHex());
  }
  assert.equal(hashes.length, size);
  return hashes;
}

const BODY = JSON.stringify({ tool_name: "restart_service" });

const request = (key: string, more = "") =>
  `POST /v1/permissions/check HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n` +
  `content-length: ${BODY.length}\r\n${more}\r\n`;

/** A request whose body the server has begun to read; it says so by `100 Continue`. */
async function underWay(port: number, key: string): Promise<RawRequest> {
  const raw = await RawRequest.open(port);
  await raw.send(request(key, "expect: 100-continue\r\n"));
  const buffer = new Uint8Array(1024);
  const size = await raw.connection.read(buffer) ?? 0;
  assert.match(new TextDecoder().decode(buffer.subarray(0, size)), /^HTTP\/1\.1 100 Continue\r\n/);
  await raw.send(BODY.slice(0, 5));
  return raw;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal}: a request under way is answered, nothing new is taken, the store is whole`, async () => {
    await using store = await prepared();
    const variables = { COUNTERSIGN_SECRET: SECRET, COUNTERSIGN_URL: "http://localhost" };
    const { process, port } = await StartedProcess.listening(store.folder, variables);
    await using _ = process;
    const before = await underWay(port, store.key);
    process.signal(signal);
    await process.line("Stopping");
    const late = await rawAnswer(port, request(store.key), BODY);
    assert.equal(late.status, 503);
    assert.equal(JSON.parse(late.text).code, "stopping");
    assert.equal(late.headers.get("retry-after"), "1");
    await before.send(BODY.slice(5));
    const answer = await before.answer();
    before[Symbol.dispose]();
    assert.equal(answer.status, 200);
    const { audit } = JSON.parse(answer.text);
    const { code, output } = await process.ended();
    assert.equal(code, 0, output);
    await assert.rejects(RawRequest.open(port), Deno.errors.ConnectionRefused);
    const hashes = await leafHashes(store.folder, store.org);
    assert.equal(hashes[audit.index], audit.leaf_hash);
  });
}

Deno.test("a signal after a second stops at once, and the store is whole", async () => {
  await using store = await prepared();
  const variables = { COUNTERSIGN_SECRET: SECRET, COUNTERSIGN_URL: "http://localhost" };
  const { process, port } = await StartedProcess.listening(store.folder, variables);
  await using _ = process;
  using before = await underWay(port, store.key);
  // A launcher and a service manager tell it the same wish each, at once.
  for (const signal of ["SIGTERM", "SIGINT", "SIGTERM"] as const) process.signal(signal);
  await process.line("Still stopping");
  process.signal("SIGTERM");
  const { code } = await process.ended();
  assert.equal(code, 1);
  assert.equal((await before.answer()).status, 0);
  assert.ok((await leafHashes(store.folder, store.org)).length > 0);
});

Deno.test("a restart: the old process serves on while it drains, the new one waits for its store", async () => {
  await using store = await prepared();
  const variables = {
    COUNTERSIGN_SECRET: SECRET,
    COUNTERSIGN_URL: "http://localhost",
    COUNTERSIGN_DRAIN_SECONDS: "10",
  };
  const old = await StartedProcess.listening(store.folder, variables);
  await using oldProcess = old.process;
  await using next = StartedProcess.start(store.folder, variables);
  await next.line("Waiting for the process that holds the store");
  const ready = async (port: number) =>
    await (await fetch(`http://127.0.0.1:${port}/readyz`)).json();
  assert.equal((await ready(old.port)).status, "ready");
  oldProcess.signal("SIGTERM");
  await oldProcess.line("Draining");
  const { status, process } = await ready(old.port);
  assert.deepEqual({ status, process }, { status: "not_ready", process: "stopping" });
  const during = await rawAnswer(old.port, request(store.key), BODY);
  assert.equal(during.status, 200);
  const { port } = await next.line("Countersign listens");
  const { code, output } = await oldProcess.ended();
  assert.equal(code, 0, output);
  const after = await rawAnswer(Number(port), request(store.key), BODY);
  assert.equal(after.status, 200);
  next.signal("SIGKILL");
  await next.ended();
  const hashes = await leafHashes(store.folder, store.org);
  for (const { text } of [during, after]) {
    const { audit } = JSON.parse(text);
    assert.equal(hashes[audit.index], audit.leaf_hash);
  }
});
