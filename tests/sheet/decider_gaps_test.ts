import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { type DeciderGap, deciderGaps } from "../../lib/sheet/decider_gaps.ts";
import * as keys from "../../lib/store/keys.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";

interface Team {
  /** Role, groups; the first answers for the agent `bot`. */
  readonly members: readonly (Pick<MemberRecord, "role"> & Partial<MemberRecord>)[];
  readonly settings?: JsonObject;
  /** Whether there is a tool that needs two people. */
  readonly twice?: boolean;
}

async function gapsOf({ members, settings = {}, twice = false }: Team): Promise<DeciderGap[]> {
  await using countersign = await Countersign.start();
  const org: TestOrg = await countersign.org();
  const made: MemberRecord[] = [];
  for (const [index, fields] of members.entries()) {
    made.push(
      await org.member(`m${index}@example.com`, {
        account: `acc_${index}`,
        has_passkey: true,
        ...fields,
      }),
    );
  }
  await org.agent({ name: "bot", members_behind: made.slice(0, 1).map(({ id }) => id) });
  if (twice) await org.tool("wire", { requires_second_approval: true });
  return await org.transact((transaction) => {
    const { snapshot } = transaction;
    transaction.setPolicy(keys.orgKey(org.id), { ...snapshot.org, ...settings });
    return null;
  }).then(() => org.transact(({ snapshot }) => deciderGaps(snapshot)));
}

const SEPARATED = { separation_of_duties: true };
const SKIPPING = { strict_levels: false, strict_levels_by: "usr_owner" };
const noSecond = (refused: boolean): DeciderGap => ({
  type: "no_second_level",
  tools: ["wire"],
  refused,
});
const nobodyElse = (tools: string[] | null): DeciderGap => ({
  type: "nobody_else",
  members: ["m0@example.com"],
  requesters: ["bot …"],
  tools,
});

/** Ids differ from run to run. */
function withoutIds(gap: DeciderGap): DeciderGap {
  return gap.type === "no_second_level"
    ? gap
    : { ...gap, requesters: gap.requesters.map((name) => name.replace(/…[0-9a-z]{6}$/, "…")) };
}

Deno.test("deciderGaps() names what a team cannot decide, and nothing else", async (t) => {
  const cases: [string, Team, DeciderGap[]][] = [
    ["one owner decides alone", { members: [{ role: "owner" }] }, []],
    [
      "duties separated, and nobody else is there",
      { members: [{ role: "owner" }], settings: SEPARATED },
      [nobodyElse(null)],
    ],
    [
      "duties separated, and a viewer is there",
      { members: [{ role: "owner" }, { role: "viewer" }], settings: SEPARATED },
      [nobodyElse(null)],
    ],
    [
      "duties separated, and who could has not come in yet",
      { members: [{ role: "owner" }, { role: "approver", account: null }], settings: SEPARATED },
      [nobodyElse(null)],
    ],
    [
      "duties separated, and an approver is there",
      { members: [{ role: "owner" }, { role: "approver" }], settings: SEPARATED },
      [],
    ],
    [
      "duties separated, and the approver is at the other level only",
      {
        members: [{ role: "approver", groups: [1] }, { role: "approver", groups: [2] }],
        settings: SEPARATED,
      },
      [nobodyElse(null)],
    ],
    [
      "two levels, and nobody is at the second",
      { members: [{ role: "approver" }, { role: "approver" }], twice: true, settings: SKIPPING },
      [noSecond(false)],
    ],
    [
      "two levels, strictly",
      { members: [{ role: "owner" }], twice: true },
      [noSecond(true)],
    ],
    [
      "two levels, one owner alone: they may not decide such a tool themself",
      { members: [{ role: "owner" }], twice: true, settings: SKIPPING },
      [noSecond(false), nobodyElse(["wire"])],
    ],
    [
      "two levels, and one other person for both",
      { members: [{ role: "owner" }, { role: "owner", groups: [2] }], twice: true },
      [nobodyElse(["wire"])],
    ],
    [
      "two levels, and two others",
      {
        members: [{ role: "owner" }, { role: "admin", groups: [2] }, { role: "approver" }],
        twice: true,
      },
      [],
    ],
  ];
  for (const [name, team, expected] of cases) {
    await t.step(
      name,
      async () => assert.deepEqual((await gapsOf(team)).map(withoutIds), expected),
    );
  }
});

Deno.test("deciderGaps() passes over tools that are out of use", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await org.tool("wire", { requires_second_approval: true, status: "archived" });
  assert.deepEqual(await org.transact(({ snapshot }) => deciderGaps(snapshot)), []);
});
