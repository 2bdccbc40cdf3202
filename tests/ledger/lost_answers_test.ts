import assert from "node:assert/strict";
import { sweep } from "../../lib/server/due_worker.ts";
import { DEPLOYMENT_ORG } from "../../lib/store/keys.ts";
import type { Kv } from "../../lib/store/kv.ts";
import { ApprovalOrg, TOOL } from "../helpers/approval_org.ts";
import type { Got, TestOrg } from "../helpers/countersign.ts";
import { FailingStore, type Fault } from "../helpers/failing_store.ts";
import { TRANSFER } from "../helpers/minted_tokens.ts";
import { OAuthWorld } from "../helpers/oauth_world.ts";
import { projectText, sourceFiles } from "../helpers/project_files.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/**
 * What happens where the answer to every commit is lost: over KV Connect the runtime sends it again and
 * says that it was refused; a proxy that drops answers has the commit fail. Whatever is done is done as
 * often, and answered as well, as over a store that answers.
 */
const LOST: readonly Fault[] = ["repeats", "answer_lost"];

/** A store that loses the answer to each commit; `fault` null for one that answers. */
function losing(inner: Kv, fault: Fault | null): FailingStore {
  const store = new FailingStore(inner);
  store.fault = ({ kind }) => kind === "commit" ? fault : null;
  return store;
}

async function typesOf({ countersign, id }: TestOrg): Promise<string[]> {
  const log = await verifiedLog(countersign.services.deps, id);
  return log.map(({ entry }) => entry.type);
}

const granted = (got: Got) => assert.ok(got.status < 300, got.text);

/** Everything that machines do, each of which commits. Gives the types of the entries. */
async function byMachines(fault: Fault | null): Promise<string[]> {
  using kv = await Deno.openKv(":memory:");
  await using it = await ApprovalOrg.start({ kv: losing(kv, fault) });
  const { org, countersign: { clock, services } } = it;
  granted(
    await org.manage("PUT", "/v1/tools/transfer", {
      annotations_acknowledged: true,
      default_permission: "allowed",
    }),
  );
  granted(await org.manage("PUT", "/v1/tenants/acme", { name: "Acme" }));
  const selector = { tool_name: "transfer", tenant_id: "acme" };
  granted(await org.manage("PUT", "/v1/rules", { selector, permission: "allowed" }));
  const policy = (await org.get("/v1/policy", org.management)).body;
  assert.equal(policy.rules.length, 1);
  const key = await org.manage("POST", "/v1/api-keys", { name: "new", tier: "standard" });
  granted(key);
  const listed = (await org.get("/v1/api-keys", org.management)).body.data;
  const named = listed.filter(({ name }: { name: string }) => name === "new");
  assert.equal(named.length, 1, "one key was made");
  const agent = await org.manage("POST", "/v1/agents", { name: "bot" });
  granted(agent);
  granted(await org.manage("POST", `/v1/agents/${agent.body.id}/rotate`, {}));

  granted(await org.post("/v1/permissions/check", TRANSFER));
  granted(await org.post("/v1/permissions/check", { tool_name: "unheard_of" }));
  const minted = await org.post("/v1/tokens/mint", TRANSFER, key.body.key);
  granted(minted);
  const { token } = minted.body;
  granted(await org.post("/v1/tokens/consume", { token, ...TRANSFER }));
  const twice = await org.post("/v1/tokens/consume", { token, ...TRANSFER });
  assert.equal(twice.body.code, "token_used");
  const report = { token, tool_name: "transfer", execution_result: "success" };
  granted(await org.post("/v1/executions/log", report));
  const repeated = { "idempotency-key": "once" };
  for (const replayed of [null, "true"]) {
    const got = await org.post("/v1/permissions/check", TRANSFER, org.standard, repeated);
    granted(got);
    assert.equal(got.headers.get("idempotent-replayed"), replayed);
  }

  const approved = await it.approved();
  const used = await org.post("/v1/tokens/mint", {
    tool_name: TOOL,
    approval_id: approved.id,
  });
  granted(used);
  const revoked = await it.approved({ arguments: { n: 1 } });
  granted(await org.post(`/v1/approvals/${revoked.id}/revoke`, {}));
  const denied = await it.pending({ arguments: { n: 2 } });
  granted(await it.decide(denied.id, "deny"));
  const cancelled = await it.pending({ arguments: { n: 3 } });
  granted(await org.post(`/v1/approvals/${cancelled.id}/cancel`, {}));
  await it.pending({ arguments: { n: 4 } });
  await it.approved({ arguments: { n: 5 } });
  clock.advance(24 * 60 * 60 * 1000);
  await sweep(services, clock.now);
  await services.lastUsed.flush();
  return await typesOf(org);
}

/** Set-up, sign-in, consent under a passkey, tokens of a program, and their end. */
async function byPeople(fault: Fault | null): Promise<{ org: string[]; deployment: string[] }> {
  using kv = await Deno.openKv(":memory:");
  await using world = await OAuthWorld.start({ kv: losing(kv, fault) });
  const { people } = world;
  const first = await world.tokens();
  const second = await world.refresh(first.refresh_token);
  granted(await world.form("/oauth/revoke", { token: second.body.refresh_token }));
  people.clock.advance(6 * 60 * 1000);
  await sweep(people.services, people.clock.now);
  return { org: await people.types(world.org), deployment: await people.types(DEPLOYMENT_ORG) };
}

for (const fault of LOST) {
  Deno.test(`what machines do is done once where each commit ${fault}`, async () => {
    assert.deepEqual(await byMachines(fault), await byMachines(null));
  });

  Deno.test(`what people and their programs do is done once where each commit ${fault}`, async () => {
    assert.deepEqual(await byPeople(fault), await byPeople(null));
  });
}

Deno.test("nothing commits but by what looks for a commit whose answer was lost", async () => {
  const found: string[] = [];
  for (const path of await sourceFiles("lib/")) {
    if (/\.commit\(\)/.test(await projectText(path))) found.push(path);
  }
  assert.deepEqual(found, ["lib/store/kv.ts"], "commit by lib/store/kv.ts");
});
