import assert from "node:assert/strict";
import { LARGE_CHARACTERS, OpenAnswers } from "../../lib/identity/open_answers.ts";
import { systemRandom, systemTimer, type Timer } from "../../lib/store/system.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { grow } from "../helpers/evidence.ts";
import { rawPost } from "../helpers/mcp_client.ts";
import { rounds } from "../helpers/property_runs.ts";
import { RawRequest } from "../helpers/raw_request.ts";
import { StartedProcess } from "../helpers/started_process.ts";

/** As much as no buffer on the way takes: whoever does not read makes the answer stand still. */
const WORDS = "x".repeat(1000);

async function longLog(countersign: Countersign): Promise<TestOrg> {
  const org = await countersign.org();
  const drafts = Array.from({ length: 7000 }, (_, number) => ({
    type: "test.counted" as const,
    actor: { type: "system" as const, id: "test" },
    subject: { tool: "counter" },
    data: { number, words: WORDS },
  }));
  await grow(org, drafts, 4);
  return org;
}

function open(org: TestOrg, key = org.standard): Promise<Response> {
  return fetch(`${org.countersign.origin}/v1/audit/export`, { headers: { "x-api-key": key } });
}

async function assertTooMany(response: Response): Promise<void> {
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "30");
  assert.equal((await response.json()).code, "too_many_streams");
}

/** Half a minute that is over when a test says so. */
class HalfMinutes {
  #waiting = new Set<() => void>();

  readonly timer = (milliseconds: number): Timer => {
    assert.equal(milliseconds, 30_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    return { elapsed: promise, cancel: () => this.#waiting.delete(resolve) };
  };

  pass(): void {
    for (const elapsed of this.#waiting) elapsed();
    this.#waiting.clear();
  }
}

Deno.test("a credential has four exports open, and another when one of them is read or given up", async () => {
  await using countersign = await Countersign.start();
  const org = await longLog(countersign);
  const other = await org.key("standard");
  const [first, second, ...more] = [
    await open(org),
    await open(org),
    await open(org),
    await open(org),
  ];
  const { size } = (await org.get("/v1/audit/checkpoint", org.standard, {
    accept: "application/json",
  })).body;
  await assertTooMany(await open(org));
  const theirs = await open(org, other);
  assert.equal(theirs.status, 200);
  assert.equal((await first.text()).split("\n").length, size + 1);
  const again = await open(org);
  assert.equal(again.status, 200);
  await assertTooMany(await open(org));
  await Promise.all([second, again, theirs, ...more].map(({ body }) => body?.cancel()));
});

Deno.test("an answer that nobody reads for half a minute is ended, and its place is free", async () => {
  const minutes = new HalfMinutes();
  const answers = new OpenAnswers(minutes);
  let isOver = false;
  async function* endless(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    try {
      for (;;) yield new Uint8Array(10);
    } finally {
      isOver = true;
    }
  }
  const [idle] = Array.from({ length: 4 }, () => answers.take("key_a").stream(endless()));
  const reader = idle?.getReader() ?? assert.fail("no stream");
  assert.equal((await reader.read()).value?.length, 10);
  assert.throws(() => answers.take("key_a"), { code: "too_many_streams" });
  minutes.pass();
  // A download that was ended is no short file that looks whole.
  await assert.rejects(reader.read(), { name: "AnswerStandsStill" });
  assert.ok(isOver);
  for (let n = 0; n < 4; n++) answers.take("key_a");
});

Deno.test("a process has 64 places, of which an answer takes what it holds", () => {
  const answers = new OpenAnswers({ timer: systemTimer });
  const places = Array.from({ length: 64 }, (_, n) => answers.take(`key_${n}`));
  assert.throws(() => answers.take("key_other"), { code: "too_many_streams" });
  places[0]?.release();
  places[0]?.release();
  answers.take("key_other");
  assert.throws(() => answers.take("key_0"), { code: "too_many_streams" });
  for (const place of places.slice(1, 33)) place.release();
  const large = answers.take("key_0", 16 * 1024 * 1024);
  assert.throws(() => answers.take("key_1"), { code: "too_many_streams" });
  large.release();
  answers.take("key_1");
});

Deno.test("the answer of a change is always given, and whoever leaves four unread changes nothing more", () => {
  const minutes = new HalfMinutes();
  const answers = new OpenAnswers(minutes);
  const large = "x".repeat(1024 * 1024);
  for (let n = 0; n < 4; n++) answers.take("key_a");
  // Exports that are open keep nobody from changing things.
  answers.mayChange("key_a");
  for (let n = 0; n < 5; n++) assert.ok(answers.given("key_a", large) instanceof ReadableStream);
  assert.equal(answers.given("key_a", "small"), "small");
  assert.throws(() => answers.mayChange("key_a"), { code: "too_many_streams" });
  assert.throws(() => answers.body("key_a", large), { code: "too_many_streams" });
  answers.mayChange("key_b");
  // They are counted: 4 + 5 × 2 places are taken.
  const places = Array.from({ length: 50 }, (_, n) => answers.take(`key_${n}`));
  assert.throws(() => answers.take("key_c"), { code: "too_many_streams" });
  // Who has none open makes their change, and its answer, at any time; a second one waits.
  answers.mayChange("key_b");
  assert.ok(answers.given("key_b", large) instanceof ReadableStream);
  assert.throws(() => answers.mayChange("key_b"), { code: "too_many_streams" });
  for (const place of places) place.release();
  answers.mayChange("key_b");
  minutes.pass();
});

Deno.test("who leaves the answers of changes unread is refused before anything is changed, on every surface", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  const { answers } = countersign.services;
  const large = "x".repeat(1024 * 1024);
  const leftUnread = (credential: string) =>
    Array.from({ length: 4 }, () => {
      const body = answers.given(credential, large);
      return body instanceof ReadableStream ? body : assert.fail("small");
    });
  const listed = (await org.get("/v1/api-keys", org.management)).body.data;
  const managing = listed.find(({ tier }: { tier: string }) => tier === "management");
  const unread = leftUnread(managing.id);
  const before = (await org.get("/v1/audit/checkpoint", org.standard, {
    accept: "application/json",
  })).body.size;
  const tenant = { name: "Acme" };
  const refused = await org.manage("PUT", "/v1/tenants/acme", tenant);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, "too_many_streams");
  const { size } = (await org.get("/v1/audit/checkpoint", org.standard, {
    accept: "application/json",
  })).body;
  assert.equal(size, before);
  assert.equal((await org.get("/v1/tenants", org.management)).status, 200);
  assert.equal((await org.post("/v1/permissions/check", { tool_name: "x" })).status, 200);
  await Promise.all(unread.map((body) => body.cancel()));
  assert.ok((await org.manage("PUT", "/v1/tenants/acme", tenant)).status < 300);

  const agent = await org.manage("POST", "/v1/agents", { name: "bot" });
  const call = (count: number) => {
    const message = (id: number) => ({ jsonrpc: "2.0", id, method: "tools/list" });
    const body = Array.from({ length: count }, (_, id) => message(id));
    const accept = "application/json, text/event-stream";
    return rawPost(countersign, JSON.stringify(body), {
      accept,
      authorization: `Bearer ${agent.body.token}`,
      "mcp-protocol-version": "2025-03-26",
    });
  };
  const many = await call(20);
  assert.ok(many.text.length > LARGE_CHARACTERS, `${many.text.length} characters`);
  assert.equal(many.messages.flat().length, 20);
  const theirs = leftUnread(agent.body.id);
  const none = await call(1);
  assert.equal(none.status, 429);
  assert.equal(JSON.parse(none.text).code, "too_many_streams");
  await Promise.all(theirs.map((body) => body.cancel()));
  assert.equal((await call(1)).status, 200);
});

Deno.test("HEAD of an export takes no place", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  for (let n = 0; n < 8; n++) {
    const got = await countersign.request("HEAD", "/v1/audit/export", { key: org.standard });
    assert.equal(got.status, 200);
  }
});

Deno.test("every large answer takes a place, and is whole", async () => {
  await using countersign = await Countersign.start();
  const org = await longLog(countersign);
  const path = "/v1/audit/entries?limit=200";
  const headers = { "x-api-key": org.standard };
  const url = countersign.origin + path;
  const open = [];
  for (let n = 0; n < 4; n++) open.push(await fetch(url, { headers }));
  // Small ones are still given.
  assert.equal((await org.get("/v1/audit/entries?limit=1")).status, 200);
  const [first] = open;
  assert.equal((await first?.json()).data.length, 200);
  assert.equal((await org.get(path)).body.data.length, 200);
  await Promise.all(open.slice(1).map(({ body }) => body?.cancel()));
});

/** The most that a process ever held in memory, bytes; null where the system does not say it so. */
async function mostResidentBytes(pid: number): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

Deno.test("hundreds of readers who do not read cost less than 50 MB together", async () => {
  const folder = await Deno.makeTempDir();
  const secret = systemRandom(48).toBase64();
  await Deno.mkdir(`${folder}/data`);
  const kv = await Deno.openKv(`${folder}/data/countersign.kv`);
  const keys: string[] = [];
  {
    await using made = await Countersign.start({ kv, secret: new TextEncoder().encode(secret) });
    const org = await longLog(made);
    for (let n = 0; n < 20; n++) keys.push(await org.key("standard"));
  }
  kv.close();
  const variables = {
    COUNTERSIGN_SECRET: secret,
    COUNTERSIGN_URL: "http://localhost",
    // Every collection is a whole one: what garbage waits for depends on how busy the machine is.
    DENO_V8_FLAGS: "--gc-global",
  };
  const { process, port } = await StartedProcess.listening(folder, variables);
  const readers: RawRequest[] = [];
  try {
    const asked = async (key: string) => {
      const reader = await RawRequest.open(port);
      await reader.send(
        `GET /v1/audit/export HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n` +
          "connection: close\r\n\r\n",
      );
      return reader;
    };
    const download = async (key: string) => {
      const { connection } = await asked(key);
      let bytes = 0;
      for await (const chunk of connection.readable) bytes += chunk.length;
      assert.ok(bytes > 7000 * WORDS.length, `${bytes} bytes`);
    };
    const answered = async (key: string) => {
      const reader = await asked(key);
      readers.push(reader);
      return Number((await reader.received((text) => text.includes("\r\n"))).split(" ")[1]);
    };
    // What a process keeps that has streamed a few logs; not what the readers below make it hold.
    for (let n = 0; n < 2; n++) await Promise.all(keys.slice(0, 16).map(download));
    const before = await mostResidentBytes(process.child.pid);
    const statuses: number[] = [];
    for (let n = 0; n < rounds(200, 800); n++) {
      statuses.push(await answered(keys[n % keys.length] ?? ""));
    }
    const after = await mostResidentBytes(process.child.pid);
    assert.deepEqual([...new Set(statuses)].sort(), [200, 429]);
    assert.ok(statuses.filter((status) => status === 200).length <= 64);
    if (before !== null && after !== null) {
      const cost = (after - before) / 1e6;
      assert.ok(cost < 50, `${cost} MB`);
    }
  } finally {
    for (const reader of readers) reader[Symbol.dispose]();
    await process[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
});
