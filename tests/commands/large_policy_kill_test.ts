import assert from "node:assert/strict";
import { makeSecret } from "../../lib/identity/credentials.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { DEPLOYMENT_ORG, orgPrefix } from "../../lib/store/keys.ts";
import { systemRandom } from "../../lib/store/system.ts";
import { Countersign, type Got, TestClock } from "../helpers/countersign.ts";
import { LargePolicy, policyRows } from "../helpers/large_policy.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

const ROUNDS = 4;
const SECRET = "0123456789abcdef0123456789abcdef";
const HOUR = 3_600_000;

Deno.test("kill -9 while a large policy is applied: it is the one before or the one after, whole", async () => {
  const folder = await Deno.makeTempDir();
  const key = makeSecret("management", systemRandom);
  const port = freePort();
  const variables = {
    PORT: String(port),
    COUNTERSIGN_URL: `http://localhost:${port}`,
    COUNTERSIGN_KV: "data/store.kv",
    COUNTERSIGN_SECRET: SECRET,
    COUNTERSIGN_BOOTSTRAP_KEY: key,
  };
  const ask = async (method: string, path: string, body?: unknown, etag = ""): Promise<Got> => {
    const response = await fetch(`http://localhost:${port}${path}`, {
      method,
      headers: { "x-api-key": key, "if-match": etag },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { status, headers } = response;
    return { status, headers, body: await response.json(), text: "" };
  };

  let stands = new LargePolicy(20, 30);
  let wanted = stands;
  for (let round = 0; round <= ROUNDS; round++) {
    const { process } = await StartedProcess.listening(folder, variables);
    await using _ = process;
    const read = await ask("GET", "/v1/policy");
    const etag = read.headers.get("etag") ?? "";
    if (round === 0) {
      const put = await ask("PUT", "/v1/policy?dry_run=false", stands.document(), etag);
      assert.equal(put.status, 200);
      continue;
    }
    if (read.body.rules.length === wanted.rules) stands = wanted;
    stands.assertIs(read);
    wanted = new LargePolicy(20, 1500 + round);
    const answer = ask("PUT", "/v1/policy?dry_run=false", wanted.document(), etag).catch(() =>
      null
    );
    const [chance = 0] = systemRandom(1);
    for (let left = chance % 16; left > 0; left--) {
      assert.equal((await ask("GET", "/v1/resources")).body.data.length, 1);
    }
    process.signal("SIGKILL");
    const told = await answer;
    if (told?.status === 200) stands = wanted;
  }

  using kv = await Deno.openKv(`${folder}/data/store.kv`);
  const secret = new TextEncoder().encode(SECRET);
  const clock = new TestClock(Date.now() + HOUR);
  await using countersign = await Countersign.start({ kv, secret, clock });
  const orgs = await Array.fromAsync(kv.list({ prefix: orgPrefix() }), ({ key }) => String(key[1]));
  const org = orgs.find((id) => id !== DEPLOYMENT_ORG) ?? assert.fail("no org");
  await sweep(countersign.services, clock.now);
  const read = await countersign.request("GET", "/v1/policy", { key });
  if (read.body.rules.length === wanted.rules) stands = wanted;
  stands.assertIs(read);
  assert.equal(await policyRows(kv, org), stands.rows);
  const log = await verifiedLog(countersign.services.deps, org);
  const types = log.map(({ entry }) => entry.type);
  const count = (type: string) => types.filter((one) => one === type).length;
  assert.equal(count("policy.staged"), count("policy.applied") + count("policy.dropped"));
  await Deno.remove(folder, { recursive: true });
});
