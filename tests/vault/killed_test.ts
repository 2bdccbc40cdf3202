import assert from "node:assert/strict";
import { dirname } from "node:path";
import { Countersign } from "../helpers/countersign.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { OidcProvider } from "../helpers/oidc_provider.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { runs } from "../helpers/property_runs.ts";
import { StartedProcess } from "../helpers/started_process.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/**
 * Two processes over one store, and a real authorization server that rotates refresh tokens and takes
 * all of them back when one comes twice. The process that refreshes is killed in the middle of it.
 */

/** When it is killed, seen from the provider. */
const MOMENTS = ["arrived", "answered", "stored", "asking"] as const;

type Moment = (typeof MOMENTS)[number];

/** Each moment once; fifty times each where there is time for it (`deno task test:long`). */
const ROUNDS = MOMENTS.length * (runs(1).numRuns === 1 ? 1 : 50);

const HOUR = 3_600_000;

/** Longer than whoever sends a refresh token may take for its answer. */
const LEASE_OVER = 31_000;

const BACK = "http://127.0.0.1:4712/callback";

const SCRIPT = new URL("refreshing_node.ts", import.meta.url).pathname;

/** A node in another process. */
class Node implements AsyncDisposable {
  private constructor(readonly process: StartedProcess, readonly url: string) {}

  static async start(args: readonly string[]): Promise<Node> {
    const deno = `exec ${Deno.execPath()} run -A --quiet --no-check --config deno.dev.json`;
    const command = `${deno} ${SCRIPT} ${args.join(" ")}`;
    const process = StartedProcess.inTerminal(new URL(".", PROJECT).pathname, command, {});
    return new Node(process, await process.found("at http", /^at (\S+)$/m));
  }

  /** What so many callers at once are given; null for those who were not answered. */
  access(callers: number): Promise<(string | null)[]> {
    const one = () => fetch(this.url).then((answer) => answer.text()).catch(() => null);
    return Promise.all(Array.from({ length: callers }, one));
  }

  async later(milliseconds: number): Promise<void> {
    const answer = await fetch(`${this.url}/later`, { method: "POST", body: `${milliseconds}` });
    await answer.body?.cancel();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}

Deno.test(`attack, G10: kill -9 in the middle of a refresh, ${ROUNDS} times: no refresh token is sent twice, and no stored one is lost`, async () => {
  await using provider = await OidcProvider.start();
  await using folder = await DeploymentFolder.make();
  await Deno.mkdir(dirname(folder.store), { recursive: true });
  using kv = await Deno.openKv(folder.store);
  await using here = await Countersign.start({
    kv,
    variables: { COUNTERSIGN_PRIVATE_HOSTS: provider.host },
  });
  const org = await here.org();
  const client_id = await provider.registered(BACK);
  const first = await provider.refreshTokenFor(client_id, BACK);
  const made = await org.manage("POST", "/v1/credentials", {
    name: "Notes",
    kind: "oauth2",
    origins: ["https://notes.example.com"],
    oauth: { issuer: provider.issuer, client_id, refresh_token: first },
  });
  assert.equal(made.status, 201, made.text);
  let now = here.clock.now;
  const started = () =>
    Node.start([
      folder.store,
      here.secret.toHex(),
      provider.host,
      org.id,
      made.body.id,
      String(now),
    ]);
  await using other = await started();
  const later = async (milliseconds: number) => {
    now += milliseconds;
    await other.later(milliseconds);
  };
  let lost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const moment: Moment = MOMENTS[round % MOMENTS.length] ?? "arrived";
    const where = `round ${round}, ${moment}`;
    const before = provider.access.length;
    const dying = await started();
    const [reached, dead] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    provider.onRefresh = {
      async arrived() {
        if (moment !== "arrived") return;
        reached.resolve();
        await dead.promise;
      },
      answered: () => moment === "answered" && reached.resolve(),
    };
    const asked = dying.access(3);
    if (moment === "stored") await asked;
    else if (moment !== "asking") await reached.promise;
    const waiting = moment === "arrived" ? other.access(3) : null;
    await dying[Symbol.asyncDispose]();
    provider.onRefresh = {};
    dead.resolve();
    await asked;
    await later(LEASE_OVER);
    const got = [...new Set([...(await waiting ?? []), ...await other.access(3)])];
    assert.equal(got.length, 1, `${where}: ${got}`);
    const [said] = got;
    const sent = provider.refreshes.map(({ refresh_token }) => refresh_token);
    assert.equal(new Set(sent).size, sent.length, `${where}: a refresh token came twice`);
    assert.ok(provider.refreshes.every(({ ok }) => ok), where);
    if (said === "needs_reconnect") {
      assert.notEqual(moment, "stored", where);
      lost++;
      const refresh_token = await provider.refreshTokenFor(client_id, BACK);
      const put = await org.manage("POST", `/v1/credentials/${made.body.id}/rotate`, {
        oauth: { refresh_token },
      });
      assert.equal(put.status, 200, put.text);
    } else {
      assert.notEqual(moment, "arrived", where);
      assert.ok(provider.access.slice(before).includes(said ?? ""), where);
    }
    await later(HOUR);
    here.clock.advance(LEASE_OVER + HOUR);
  }
  assert.ok(lost > 0);
  await verifiedLog(here.services.deps, org.id);
});
