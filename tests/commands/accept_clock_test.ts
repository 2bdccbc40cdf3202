import assert from "node:assert/strict";
import { clockSeenKey, DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { runTask, StartedProcess } from "../helpers/started_process.ts";

const SECRET = "0123456789abcdef".repeat(3);
const DAY = 24 * 60 * 60 * 1000;
const VARIABLES = { COUNTERSIGN_SECRET: SECRET };

/** A deployment over the file that the command opens, with a clock of its own. */
async function withStore<R>(
  path: string,
  now: number,
  use: (countersign: Countersign, kv: Deno.Kv) => Promise<R>,
): Promise<R> {
  const kv = await Deno.openKv(`${path}/data/countersign.kv`);
  try {
    const secret = new TextEncoder().encode(SECRET);
    await using countersign = await Countersign.start({ kv, secret, clock: new TestClock(now) });
    return await use(countersign, kv);
  } finally {
    kv.close();
  }
}

Deno.test("accept-clock: lists the logs that are ahead, and accepts the clock for one", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  const run = (...args: string[]) => runTask(place.path, "accept-clock", args, VARIABLES);
  const { id } = await withStore(place.path, Date.now() + DAY, (countersign) => countersign.org());

  const list = await run();
  assert.equal(list.code, 0, list.err);
  assert.match(list.out, new RegExp(`^${id}  newest entry of .*Z\n1 logs are ahead`));
  const unknown = await run("org_nowhere");
  assert.deepEqual([unknown.code, unknown.out], [1, ""]);
  assert.match(unknown.err, /There is no organization org_nowhere/);
  assert.equal((await run(id, "more")).code, 2);

  const accepted = await run(id);
  assert.equal(accepted.code, 0, accepted.err);
  assert.match(accepted.out, new RegExp(`^Accepted for ${id}: `));
  assert.match((await run(id)).out, /nothing to accept/);
  assert.match((await run()).out, /^0 logs are ahead/);
  await withStore(place.path, Date.now(), async ({ services: { ledgers } }) => {
    const actor = { type: "system", id: "test" } as const;
    await ledgers.transact(id, {
      plan: (transaction) =>
        transaction.append({ type: "test.written", actor, subject: {}, data: {} }),
    });
  });
});

Deno.test("accept-clock: takes the deployment's own log by its name", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await withStore(place.path, Date.now() + DAY, async ({ services: { ledgers } }) => {
    const actor = { type: "system", id: "test" } as const;
    await ledgers.transact(DEPLOYMENT_ORG, {
      plan: (transaction) =>
        transaction.append({ type: "test.written", actor, subject: {}, data: {} }),
    });
  });
  const { code, out, err } = await runTask(
    place.path,
    "accept-clock",
    ["deployment"],
    VARIABLES,
  );
  assert.equal(code, 0, err);
  assert.match(out, new RegExp(`^Accepted for ${DEPLOYMENT_ORG}: `));
});

Deno.test("a start long after the store was in use says so in one line, and serves", async () => {
  await using place = await DeploymentFolder.make({ data: true });
  await withStore(place.path, Date.now(), async (_, kv) => {
    await kv.set([...clockSeenKey()], { at: Date.now() - 2 * DAY });
  });
  const { process, port } = await StartedProcess.listening(place.path, VARIABLES);
  await using _ = process;
  await process.line("The clock lies more than a day after the store was last in use");
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  const { clock } = await response.json();
  assert.deepEqual([response.status, clock], [200, "jumped"]);
});
