import assert from "node:assert/strict";
import { movedNotice, movedPasskeys, seeRecoveryLink } from "../../lib/people/recover.ts";
import { passkeyKey } from "../../lib/store/keys.ts";
import { taskCommand } from "../../lib/store/system.ts";
import { TestClock } from "../helpers/countersign.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { People, secretOf } from "../helpers/people.ts";
import { runTask, StartedProcess } from "../helpers/started_process.ts";

const SECRET = "0123456789abcdef".repeat(3);
const EMAIL = "jo@example.com";

function recover(cwd: string, ...args: string[]) {
  return runTask(cwd, "recover", args, { COUNTERSIGN_SECRET: SECRET });
}

/** A deployment over the file that the command opens. */
async function withStore<R>(path: string, use: (people: People) => Promise<R>): Promise<R> {
  await Deno.mkdir(`${path}/data`, { recursive: true });
  const kv = await Deno.openKv(`${path}/data/countersign.kv`);
  try {
    const secret = new TextEncoder().encode(SECRET);
    await using people = await People.start({ kv, secret, clock: new TestClock(Date.now()) });
    return await use(people);
  } finally {
    kv.close();
  }
}

Deno.test("recover: prints a link for an account, and says so in the log", async () => {
  await using place = await DeploymentFolder.make();
  const none = await recover(place.path, EMAIL);
  assert.equal(none.code, 2, none.err);
  assert.match(none.err, /there is no store data\/countersign\.kv/);
  await withStore(place.path, (people) => people.withOwner(EMAIL));
  const usage = await recover(place.path);
  assert.deepEqual([usage.code, usage.err], [2, `Usage: ${taskCommand("recover EMAIL")}\n`]);
  const unknown = await recover(place.path, "no@example.com");
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /No account has the address no@example\.com/);
  const { code, out, err } = await recover(place.path, "Jo@Example.com");
  assert.equal(code, 0, err);
  const url = new URL(/http\S+/.exec(out)?.[0] ?? assert.fail(out));
  assert.equal(url.origin, "http://localhost:8000");
  const [, , account = ""] = url.pathname.split("/");
  await withStore(place.path, async (people) => {
    const seen = await seeRecoveryLink(people.services, { account, link: secretOf(url.href) });
    assert.equal(seen.email, EMAIL);
    const entry = (await people.log()).at(-1);
    assert.equal(entry?.type, "recovery_link.made");
    assert.deepEqual(entry?.subject, { account });
  });
});

Deno.test("recover: while the service holds the store it says to stop that first", async () => {
  await using place = await DeploymentFolder.make();
  const variables = { COUNTERSIGN_SECRET: SECRET };
  const { process } = await StartedProcess.listening(place.path, variables);
  await using _ = process;
  const { code, err } = await recover(place.path, EMAIL);
  assert.equal(code, 2);
  assert.match(err, /another process holds the store .*Stop that one first/);
});

Deno.test("a start under another host tells it, and lets an owner in whose passkeys do not come along", async () => {
  await using place = await DeploymentFolder.make();
  await withStore(place.path, (people) => people.withOwner(EMAIL));
  const variables = { COUNTERSIGN_SECRET: SECRET, COUNTERSIGN_URL: "https://new.example" };
  const { process } = await StartedProcess.listening(place.path, variables);
  await using _ = process;
  await process.seen("Owners have passkeys that work only at localhost; this is new.example.");
  await process.seen("https://new.example/recover/acc_");
});

Deno.test("a start makes no such link while some owner can sign in", async () => {
  await using people = await People.start();
  const { services: { deps }, services } = people;
  const { session, entered } = await people.withOwner(EMAIL);
  assert.equal(await movedPasskeys(services), null);
  const ann = people.person("ann@example.com");
  const joined = await ann.accept(await people.invited(session, ann.email, "owner"));
  const move = async (id: string) => {
    const key = [...passkeyKey(id)];
    const { value } = await deps.kv.get<object>(key);
    await deps.kv.set(key, { ...value, rp_id: "old.example" });
  };
  await move(joined.session.credential_id);
  const moved = await movedPasskeys(services) ?? assert.fail("nothing has moved");
  assert.deepEqual(moved, { hosts: ["old.example"], link: null });
  assert.match(movedNotice(moved, "localhost"), /An owner can sign in here all the same/);
  await move(entered.session.credential_id);
  assert.notEqual((await movedPasskeys(services))?.link, null);
});
