import assert from "node:assert/strict";
import type { Machine } from "../../clients/typescript/src/cli/machine.ts";
import { DeviceWorld } from "../helpers/device_world.ts";
import { type Printed, type Sitting, Terminal } from "./terminal.ts";

/** `countersign login` and `logout` against a real service, and what they make of others. */

/** The time limit of one request, which is no wait between two. */
const LIMIT_MS = 12_000;

interface Login extends Printed {
  /** Seconds between one poll and the next. */
  readonly waits: readonly number[];
  /** What a browser was opened with. */
  readonly opened: readonly string[];
}

/** Logs in while somebody does something at each wait, with the code that the terminal shows. */
async function login(
  it: DeviceWorld,
  terminal: Terminal,
  during: (wait: number, user_code: string, milliseconds: number) => unknown,
  { words = [], ...sitting }: Sitting & { words?: readonly string[] } = {},
): Promise<Login> {
  const waits: number[] = [];
  const opened: string[] = [];
  let shown = "";
  const after: Machine["after"] = (milliseconds, then) => {
    if (milliseconds === LIMIT_MS) {
      const timer = setTimeout(then, milliseconds);
      return () => clearTimeout(timer);
    }
    waits.push(milliseconds / 1000);
    const [code = ""] = /[A-Z]{4}-[A-Z]{4}/.exec(shown) ?? [];
    void Promise.resolve(during(waits.length, code, milliseconds)).then(() => {
      it.clock.advance(milliseconds);
      then();
    });
    return () => {};
  };
  const printed = await terminal.run(["login", ...words], {
    ...sitting,
    changes: {
      hostname: "build-box",
      after,
      err: (text) => void (shown += text),
      run: (program, args) => {
        opened.push([program, ...args].join(" "));
        return Promise.resolve({ code: 0, out: "" });
      },
      ...sitting.changes,
    },
  });
  const { code, out, err } = printed;
  return {
    code,
    out,
    err: err + shown,
    get json() {
      return JSON.parse(out);
    },
    waits,
    opened,
  };
}

async function agents({ services, world }: DeviceWorld): Promise<string[]> {
  return await services.ledgers.transact(world.org, {
    plan: ({ snapshot }) => [...snapshot.agents.values()].map(({ name }) => name),
  });
}

Deno.test("login shows a code, waits, keeps what it gets, and logout ends it", async () => {
  await using it = await DeviceWorld.start();
  await using terminal = await Terminal.at();
  const { origin } = it.world;
  const allow = (at: number) => async (wait: number, user_code: string) => {
    if (wait === at) await it.allow({ device_code: "", user_code });
  };
  const first = await login(it, terminal, allow(3), { answers: [origin] });
  assert.equal(first.code, 0, first.err);
  assert.match(first.err, /Where is Countersign\? \[http:\/\/localhost:8000\]/);
  assert.match(first.err, /Your code is {2}[A-Z]{4}-[A-Z]{4}$/m);
  assert.match(first.err, new RegExp(`^Type it on the page that opens {2}${origin}/device$`, "m"));
  assert.deepEqual(first.opened, [`xdg-open ${origin}/device`]);
  assert.deepEqual(first.waits, [5, 5, 5]);
  assert.match(first.out, /^organization {2}Acme$/m);
  assert.match(first.out, /^as {12}agent build-box$/m);
  const path = `${terminal.home}/.config/countersign/secrets.json`;
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const { [origin]: secret = "" } = JSON.parse(await Deno.readTextFile(path));
  assert.match(secret, /^cs_agent_/);
  assert.ok(!`${first.out}${first.err}`.includes(secret), "no secret is printed");
  // From now on other commands know where and by what.
  const { json } = await terminal.run(["status", "--json"]);
  assert.deepEqual([json.url, json.key], [origin, { kind: "agent", from: "file" }]);

  // Again, under another name, where nobody sits: what this computer had before has ended.
  const second = await login(it, terminal, allow(1), { words: ["--name", "other", "--json"] });
  assert.equal(second.code, 0, second.err);
  assert.deepEqual(second.opened, []);
  assert.match(second.err, new RegExp(`^Type it at {2}${origin}/device$`, "m"));
  const { id, org, ...told } = second.json;
  assert.match(id, /^agt_/);
  assert.equal(org, it.world.org);
  const said = { url: origin, org_name: "Acme", kept_in: "file", gives: "agent", name: "other" };
  assert.deepEqual(told, said);
  assert.equal(await it.check(secret), 401);
  assert.deepEqual(await agents(it), ["other"]);

  const out = await terminal.run(["logout", "--json"]);
  assert.deepEqual([out.code, out.json], [0, { url: origin, forgotten: true }], out.err);
  assert.deepEqual(await agents(it), []);
  await assert.rejects(Deno.stat(path));
  assert.equal((await terminal.run(["logout"])).code, 0);
  assert.match((await terminal.run(["status"])).err, /countersign login/);
});

Deno.test("login that is denied, over, slowed down, or whose answer gets lost leaves nothing behind", async () => {
  await using it = await DeviceWorld.start();
  await using terminal = await Terminal.at({ COUNTERSIGN_URL: it.world.origin });
  const allow = (wait: number, user_code: string) =>
    wait === 1 ? it.allow({ device_code: "", user_code }) : null;

  const denied = await login(it, terminal, async (wait, user_code) => {
    if (wait === 2) await it.owner.send("/device", "deny", { user_code });
  });
  assert.equal(denied.code, 3, denied.err);
  assert.match(denied.err, /was denied/);

  const over = await login(it, terminal, () => null);
  assert.equal(over.code, 1);
  assert.match(over.err, /Nobody typed the code within its time/);
  assert.equal(over.waits.reduce((sum, wait) => sum + wait, 0), 600);

  // A clock that stands still has every poll come too early.
  const slow = await login(it, terminal, (wait, _code, milliseconds) => {
    if (wait > 1) it.clock.advance(wait > 4 ? 1_000_000 : -milliseconds);
  });
  assert.deepEqual(slow.waits.slice(0, 4), [5, 5, 10, 15]);

  const losing = (isLost: (text: string) => boolean): Machine["fetch"] => async (input, init) => {
    const answer = await fetch(input, init);
    const text = await answer.text();
    if (isLost(text)) throw new TypeError("connection reset");
    return new Response(text, { status: answer.status, headers: answer.headers });
  };
  let lost = 0;
  const broken = await login(it, terminal, allow, {
    changes: { fetch: losing((text) => text.includes("access_token") && lost++ === 0) },
  });
  assert.equal(broken.code, 1);
  assert.match(broken.err, /The answer with the secret got lost, and so it was ended/);
  assert.deepEqual(broken.waits, [5, 10]);
  assert.deepEqual(await agents(it), []);

  // A network that comes back in time is waited for.
  let breaks = 0;
  const back = await login(it, terminal, (wait, code) => wait === 4 ? allow(1, code) : null, {
    changes: { fetch: losing((text) => text.includes("authorization_pending") && breaks++ < 2) },
  });
  assert.equal(back.code, 0, back.err);
  assert.deepEqual(back.waits, [5, 10, 20, 20]);
  assert.equal((await terminal.run(["logout"])).code, 0);

  // What cannot be kept is given back.
  await Deno.writeTextFile(`${terminal.home}/file`, "");
  const unkept = await login(it, terminal, allow, {
    env: { COUNTERSIGN_CONFIG: `${terminal.home}/file/config` },
  });
  assert.equal(unkept.code, 1);
  assert.deepEqual(await agents(it), []);
});

Deno.test("login at what is too old, another service, or none says so, and sends nothing there", async () => {
  await using terminal = await Terminal.at();
  const URL_ = "https://countersign.example";
  const metadata = {
    issuer: URL_,
    token_endpoint: `${URL_}/oauth/token`,
    revocation_endpoint: `${URL_}/oauth/revoke`,
    device_authorization_endpoint: `${URL_}/oauth/device_authorization`,
  };
  const { device_authorization_endpoint: _new, ...old } = metadata;
  const asked = {
    device_code: "d".repeat(43),
    user_code: "WDJB-MJHT",
    verification_uri: `${URL_}/device`,
    expires_in: 600,
    interval: 5,
  };
  const json = (body: unknown, status = 200) => () => Response.json(body, { status });
  const cases: readonly (readonly [readonly (() => Response)[], number, RegExp])[] = [
    [[json(old)], 1, /too old for login.*COUNTERSIGN_KEY/],
    [[json({ ...metadata, issuer: "https://evil.example" })], 1, /https:\/\/evil\.example.*--url/],
    [[json({ ...metadata, token_endpoint: "https://evil.example/t" })], 5, /not Countersign/],
    [[() => new Response("<html>")], 5, /not Countersign/],
    [[() => new Response(null, { status: 302, headers: { location: "/" } })], 5, /not Countersign/],
    [[json({}, 404)], 5, /not Countersign/],
    [[json(metadata), json({ ...asked, verification_uri: "https://evil.example/" })], 5, /not C/],
    [[json(metadata), json({ ...asked, expires_in: -1 })], 5, /not Countersign/],
    [
      [
        json(metadata),
        json({ error: "temporarily_unavailable", error_description: "Too many" }, 429),
      ],
      1,
      /Too many/,
    ],
    [[json(metadata), json(asked), json({ access_token: "x" })], 5, /not Countersign/],
    [[json(metadata), json(asked), json({ error: "invalid_request" }, 400)], 5, /not Countersign/],
    [[], 5, /does not answer/],
  ];
  for (const [answers, code, says] of cases) {
    const left = [...answers];
    const fetch = (input: Parameters<Machine["fetch"]>[0]) => {
      assert.equal(new URL(String(input)).origin, URL_);
      const answer = left.shift();
      return answer === undefined
        ? Promise.reject(new TypeError("refused"))
        : Promise.resolve(answer());
    };
    const after: Machine["after"] = (milliseconds, then) => {
      if (milliseconds !== LIMIT_MS) queueMicrotask(then);
      return () => {};
    };
    const said = await terminal.run(["login", "--url", URL_], { changes: { fetch, after } });
    assert.equal(said.code, code, said.err);
    assert.match(said.err, says);
    assert.deepEqual(left, []);
  }
  const never = () => Promise.reject(new Error("nobody is to be asked"));
  const plain = await terminal.run(["login", "--url", "http://countersign.example"], {
    changes: { fetch: never },
  });
  assert.equal(plain.code, 2);
  assert.match(plain.err, /--insecure/);
  assert.equal((await terminal.run(["login"], { changes: { fetch: never } })).code, 1);
});
