import assert from "node:assert/strict";
import { changeOrg } from "../../lib/catalog/org_settings.ts";
import { makeLevelsStrict } from "../../lib/server/migrations.ts";
import { DEPLOYMENT_ORG, memberKey, orgKey } from "../../lib/store/keys.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** Writes the org as one of before has it: skipping is its default, and nobody chose anything. */
async function asBefore(org: TestOrg, fields = {}): Promise<void> {
  await org.transact((transaction) => {
    const { strict_levels_by: _later, ...before } = transaction.snapshot.org;
    transaction.setPolicy(orgKey(org.id), { ...before, strict_levels: false, ...fields });
  });
}

async function settings({ services }: Countersign, org: TestOrg) {
  const { value } = await services.deps.kv.get<Record<string, unknown>>([...orgKey(org.id)]);
  return [value?.strict_levels, value?.strict_levels_by];
}

async function changes({ services }: Countersign, org: TestOrg) {
  const log = await verifiedLog(services.deps, org.id);
  return log.map(({ entry }) => entry).filter(({ type }) => type === "org.set");
}

Deno.test("an org of before refuses a missing second level from the first start on, with an entry and a line", async () => {
  const lines: string[] = [];
  const log = (level: string, message: string, data?: object) =>
    lines.push(JSON.stringify([level, message, data]));
  await using one = await Countersign.start({ deps: { log } });
  const [old, chosen, gone, broken] = [
    await one.org(),
    await one.org(),
    await one.org(),
    await one.org(),
  ];
  await asBefore(old);
  const owner = await chosen.signedIn("owner");
  await chosen.as(owner, "configure", changeOrg({ strict_levels: false }, "req"));
  await asBefore(gone, { deleted_at: one.clock.now });
  await asBefore(broken);
  const { kv } = one.services.deps;
  await kv.atomic().set([...memberKey(broken.id, "x@example.com")], { id: 1 }).commit();

  await using two = await Countersign.start({ kv, secret: one.secret, deps: { log } });
  await Promise.all([makeLevelsStrict(one.services), makeLevelsStrict(two.services)]);
  await makeLevelsStrict(two.services);
  assert.deepEqual(await settings(one, old), [true, null]);
  const entries = await changes(one, old);
  assert.deepEqual(entries.map(({ actor, data }) => [actor, data.changed]), [
    [{ type: "system", id: "start" }, { strict_levels: true }],
  ]);
  assert.equal(lines.filter((line) => line.includes(old.id)).length, 1, lines.join("\n"));
  assert.match(lines.find((line) => line.includes(old.id)) ?? "", /second approval .* refused/);

  // What an owner chose stays, and the log says who.
  assert.deepEqual(await settings(one, chosen), [false, owner.member.id]);
  assert.deepEqual(
    (await changes(one, chosen)).map(({ actor, data }) => [actor.id, data.changed]),
    [
      [owner.member.id, { strict_levels: false, strict_levels_by: owner.member.id }],
    ],
  );
  assert.deepEqual(await settings(one, gone), [false, undefined]);
  assert.ok(lines.some((line) => line.includes(broken.id) && line.startsWith('["error"')));
  assert.ok(!lines.some((line) => line.includes(DEPLOYMENT_ORG)));
});
