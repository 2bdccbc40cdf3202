import fc from "fast-check";
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { createApiKey } from "../../lib/catalog/api_keys.ts";
import { asMember } from "../../lib/identity/acting.ts";
import { activeLogKey, signerOf } from "../../lib/ledger/checkpoints.ts";
import { parseLogKeys } from "../../lib/tlog/log_key.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { verdictOn } from "../helpers/evidence.ts";
import { People } from "../helpers/people.ts";
import { runs } from "../helpers/property_runs.ts";
import { checkpointOf, exportOf, hashOf, type Line } from "../helpers/signed_log.ts";
import { Life, numbersFrom } from "./life.ts";

const STEPS = 150;
/** The same lives every time, so that what must have happened in one of them does; more in long runs. */
const SEED = 20260131;

Deno.test("verifyLog() finds nothing in the log of any life that the service lets people and machines lead", async () => {
  const types = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.nat(2 ** 30), async (seed) => {
      await using life = await Life.start(numbersFrom(seed));
      await life.live(STEPS);
      const { keys, note, lines } = await evidenceOf(life);
      const verdict = await verdictOn(exportOf(lines), note, keys);
      assert.ok(verdict.ok, verdict.ok ? "" : `${verdict.finding.code}: ${verdict.finding.what}`);
      assert.deepEqual(
        { ...verdict.report.untold, unplaced: 0, unclear: 0 },
        { missing: 0, untimed: 0, unplaced: 0, unclear: 0 },
      );
      for (const { entry } of lines) types.add(`${entry.type} by ${told(entry.actor, "type")}`);
    }),
    { ...runs(10), seed: SEED },
  );
  for (const type of LIVED) {
    assert.ok([...types].some((lived) => lived.startsWith(type)), `no life has ${type}`);
  }
});

/** What breaks when an entry is left out: the entry that cannot be without it, and how. */
const DEPENDS: readonly (readonly [type: string, on: string, by: string, code: FindingCode[]])[] = [
  ["agent.created", "agent", "actor", ["actor_unknown"]],
  ["api_key.created", "api_key", "actor", ["actor_unknown"]],
  ["approval.created", "approval", "approval.decided", ["approval_unknown"]],
  ["approval.decided", "approval", "token.minted", ["mint_unapproved", "level_out_of_order"]],
  ["token.minted", "token", "token.consumed", ["token_unknown"]],
  ["token.consumed", "token", "execution.logged", ["report_unfounded"]],
];

Deno.test("verifyLog() finds what was left out of the log of any life, by whoever holds its key", async () => {
  const found = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.nat(2 ** 30), async (seed) => {
      await using life = await Life.start(numbersFrom(seed));
      await life.live(STEPS);
      const { keys, lines } = await evidenceOf(life);
      const { deps } = life.world.services;
      const { origin = "" } = keys[0] ?? {};
      const signer = await signerOf(deps, life.org, origin, await activeLogKey(deps, life.org));
      for (const line of lines) {
        const { index, entry } = line;
        const rule = DEPENDS.find(([type]) => type === entry.type);
        if (rule === undefined || entry.actor === null) continue;
        const [type, on, by, codes] = rule;
        const id = told(entry.subject, on);
        const needs = lines.find((later) =>
          later.index > index &&
          (by === "actor"
            ? told(later.entry.actor, "id") === id
            : later.entry.type === by && told(later.entry.subject, on) === id)
        );
        if (needs === undefined || isDenial(entry)) continue;
        const nothing = { ...entry, type: "test.left_out", actor: { type: "system", id: "test" } };
        const forged = lines.with(index, withHash({ ...line, entry: nothing }));
        const verdict = await verdictOn(
          exportOf(forged),
          await checkpointOf(forged, signer),
          keys,
        );
        assert.ok(!verdict.ok, `${type} at ${index} was not missed`);
        assert.ok(codes.includes(verdict.finding.code), JSON.stringify([type, verdict.finding]));
        assert.ok((verdict.finding.index ?? 0) <= needs.index, JSON.stringify(verdict.finding));
        found.add(type);
      }
    }),
    { ...runs(3), seed: SEED },
  );
  assert.deepEqual([...found].sort(), DEPENDS.map(([type]) => type).sort());
});

Deno.test("verifyLog() knows everybody in an org that its owner made by a set-up link", async () => {
  await using people = await People.start();
  const { org, session } = await people.withOwner();
  const { ledgers } = people.services;
  const key = asMember(
    session,
    "configure",
    createApiKey({
      ...{ name: "runs", tier: "standard", trust_tier: 0, tenant_ids: null },
      ...{ expires_at: null, rate_limit_per_minute: null, audit_private: false },
    }, "req_test"),
  );
  const { secret } = await ledgers.transact(org, key);
  const get = (path: string) => people.countersign.request("GET", path, { key: secret });
  const body = { tool_name: "refund" };
  await people.countersign.request("POST", "/v1/permissions/check", { key: secret, body });
  const keys = parseLogKeys((await get(`/.well-known/countersign/keys/${org}`)).body);
  assert.ok(keys.ok);
  const note = (await get("/v1/audit/checkpoint")).text;
  const verdict = await verdictOn((await get("/v1/audit/export")).text, note, keys.keys);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  assert.equal(verdict.report.untold.missing, 0);
});

/** What an auditor fetches, the lines without their private parts. */
async function evidenceOf(life: Life) {
  const keys = await life.request("GET", `/.well-known/countersign/keys/${life.org}`, "");
  const parsed = parseLogKeys(keys.body);
  assert.ok(parsed.ok);
  const note = await life.request("GET", "/v1/audit/checkpoint", life.management);
  const log = await life.request("GET", "/v1/audit/export", life.management);
  const lines = log.text.trimEnd().split("\n").map((line) => JSON.parse(line) as Line);
  return { keys: parsed.keys, note: note.text, lines };
}

function withHash(line: Line): Line {
  return { ...line, leaf_hash: hashOf(line.entry) };
}

function told(object: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(object) ? object[name] : undefined;
}

/** Without a denial a request is open a while longer, and nothing of it is impossible. */
function isDenial({ data }: JsonObject): boolean {
  return told(data, "decision") === "deny";
}

/** Entries that some of the lives must have: where nothing happens, nothing is shown. */
const LIVED = [
  ...["permission.checked by api_key", "permission.checked by agent"],
  ...["permission.checked by oauth_grant", "tool.auto_created by"],
  ...[
    "approval.decided by member",
    "approval.decided by api_key",
    "approval.created",
    "approval.decided",
    "approval.expired",
  ],
  ...["approval.lapsed", "approval.revoked", "approval.cancelled", "token.minted"],
  ...["token.consumed", "token.refused", "execution.logged", "agent.set", "agent.rotated"],
  ...["agent.removed", "api_key.revoked", "member.accepted", "member.removed", "org.set"],
  ...["oauth.authorized", "oauth.revoked", "log_key.rotated", "clock.accepted"],
];
