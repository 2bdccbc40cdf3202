import assert from "node:assert/strict";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { Remembered } from "../../lib/verify/story_entry.ts";
import { findingText, logReportText } from "../../lib/verify/verdict_text.ts";
import type { LogReport } from "../../lib/verify/verify_log.ts";
import { signer, verdictOf } from "../helpers/log_verdicts.ts";
import { checkpointOf, exportOf } from "../helpers/signed_log.ts";
import { RULES_OF_ACTORS } from "./story_of_actors.ts";
import { RULES_OF_MANDATES } from "./story_of_mandates.ts";
import { RULES_OF_POWERS } from "./story_of_powers.ts";
import { RULES_OF_TOKENS } from "./story_of_tokens.ts";
import { HOUR, Log, org, START } from "./written_story.ts";

async function verdictOn({ lines }: Log) {
  return await verdictOf({
    exported: exportOf(lines),
    checkpoint: await checkpointOf(lines, signer),
  });
}

async function assertFine(log: Log): Promise<LogReport> {
  const verdict = await verdictOn(log);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.report;
}

/** That a log is refused, and how: which entry, and which earlier one it cannot follow. */
async function assertBroken(
  log: Log,
  code: FindingCode,
  index: number,
  earlier: number | null,
  name: string,
): Promise<void> {
  const verdict = await verdictOn(log);
  assert.ok(!verdict.ok, `${name}: expected ${code}, but nothing was found`);
  const { finding } = verdict;
  assert.deepEqual([finding.code, finding.index, finding.earlier], [code, index, earlier], name);
  const text = findingText(finding);
  assert.match(text, new RegExp(`entry ${index}\\b`, "i"), name);
  if (earlier !== null) assert.match(finding.what, new RegExp(`entry ${earlier}\\b`), name);
}

/** Each rule of the story, and what breaks it. */
const RULES = [
  ...RULES_OF_MANDATES,
  ...RULES_OF_ACTORS,
  ...RULES_OF_TOKENS,
  ...RULES_OF_POWERS,
];

Deno.test("verifyLog() names each broken rule of the story with both entries", async (t) => {
  for (const [name, code, breaks] of RULES) {
    await t.step(name, async () => {
      const log = org();
      const [index, earlier] = breaks(log);
      await assertBroken(log, code, index, earlier, name);
      // Up to the entry that breaks it, nothing is wrong.
      const before = new Log();
      before.lines.push(...log.lines.slice(0, index));
      const verdict = await verdictOn(before);
      assert.ok(verdict.ok, JSON.stringify(verdict));
    });
  }
});

Deno.test("verifyLog() takes a story in which everything has its order", async () => {
  const log = org();
  log.accepts("usr_own", "owner");
  log.accepts("usr_two", "approver", [2]);
  log.passkey("usr_two");
  log.passkey("usr_bob");
  log.passkey("usr_own");
  log.ask("apr_1", { levels: 2 });
  log.askAgain("apr_1");
  log.decide("apr_1", "usr_bob", {}, "member usr_bob");
  const use_before = log.later(60_000);
  log.decide("apr_1", "usr_two", { level: 2, use_before }, "member usr_two");
  log.mint("rtk_1", "apr_1");
  log.consume("rtk_1");
  log.report("rtk_1", "unknown");
  log.report("rtk_1", "success");
  // What was never sent gives its approval back, once.
  log.ask("apr_call");
  log.decide("apr_call", "usr_ann", { use_before: log.later(60_000) });
  log.run("rtk_sent", "apr_call");
  log.giveBack("rtk_sent", "apr_call");
  log.run("rtk_again", "apr_call");
  log.report("rtk_again");
  const kept = { keep_requests: true };
  log.mint("rtk_2");
  log.put("agent.rotated", "api_key key_m", { agent: "agt_1" }, kept);
  log.consume("rtk_2");
  // A recovery holds until its time is over, or another owner confirms it.
  log.recovers("usr_two", 1000);
  log.wait(1000);
  log.ask("apr_2", { levels: 2 });
  log.decide("apr_2", "usr_own", {}, "member usr_own");
  log.decide("apr_2", "usr_two", { level: 2 }, "member usr_two");
  log.recovers("usr_two", HOUR);
  log.put("recovery.confirmed", "member usr_own", { member: "usr_two" });
  log.ask("apr_3", { levels: 2 });
  log.decide("apr_3", "usr_own", {}, "member usr_own");
  log.decide("apr_3", "usr_two", { level: 2 }, "member usr_two");
  log.throws({ org: "org_1" }, true, "member usr_two");
  log.check("dec_stop", "disabled");
  log.throws({ org: "org_1" }, false, "member usr_own");
  log.mint("rtk_3");
  log.put("member.named", "member usr_two", { member: "usr_two" });
  // Whoever leaves takes what they let programs do along.
  log.put("oauth.authorized", "member usr_two", { member: "usr_two", grant: "grt_1" });
  log.put("member.removed", "member usr_two", { member: "usr_two" });
  log.put("oauth.revoked", "member usr_two", { member: "usr_two", grant: "grt_1" });
  log.put("passkey.removed", "member usr_two", { member: "usr_two" }, { credential: "c" });
  // An owner gives what is for owners; an operator's key may speak for users until one has a passkey.
  const owners = { tier: "approver", audit_private: true };
  log.put("api_key.created", "member usr_own", { api_key: "key_o" }, owners);
  log.put("org.set", "member usr_own", {}, { changed: { separation_of_duties: false } });
  log.put("org.set", "api_key key_m", {}, { changed: { separation_of_duties: true } });
  log.member("usr_adm", "admin", [], "member usr_own");
  log.put("member.accepted", "member usr_adm", { member: "usr_adm" }, {
    role: "admin",
    groups: [],
  });
  log.put("member.invited", "member usr_adm", { member: "usr_new" }, { role: "admin", groups: [] });
  log.put("member.removed", "member usr_adm", { member: "usr_adm" });
  // Where nothing separates them, somebody approves what their own agent asks; and stops it always.
  log.put("agent.created", "member usr_own", { agent: "agt_own" });
  log.ask("apr_own", {}, "agent agt_own");
  log.decide("apr_own", "usr_own", { decision: "deny" }, "member usr_own");
  log.put("org.set", "member usr_own", {}, { changed: { separation_of_duties: false } });
  log.ask("apr_own2", {}, "agent agt_own");
  log.decide("apr_own2", "usr_own", {}, "member usr_own");
  log.ask("apr_taken", {}, "agent agt_own");
  log.put("approval.revoked", "agent agt_own", { approval: "apr_own2" });
  log.put("execution.logged", "api_key key_s", { tool: "refund" }, { attested: false });
  const verdict = await verdictOn(log);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  assert.deepEqual(verdict.report.untold, { missing: 0, untimed: 0, unplaced: 0, unclear: 0 });
});

Deno.test("verifyLog() counts what a log that begins later does not tell, and finds the rest", async () => {
  const later = new Log().begin("system test");
  later.ask("apr_1", { use_before: null });
  later.decide("apr_1", "usr_ann");
  later.mint("rtk_1", "apr_1");
  later.consume("rtk_1");
  later.decide("apr_0", "usr_ann");
  later.consume("rtk_0");
  const verdict = await verdictOn(later);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  const { missing, untimed } = verdict.report.untold;
  assert.ok(missing > 5);
  assert.equal(untimed, 1);
  const text = logReportText(verdict.report);
  assert.match(text, /times it rests on what the log, which begins later, does not tell/);
  assert.match(text, /1 approvals used that do not say until when they were good/);
  const index = later.consume("rtk_1");
  await assertBroken(later, "token_spent", index, index - 3, "consumed twice");
});

Deno.test("verifyLog() does not take the log's time for the clock's while the log is ahead", async () => {
  const log = org();
  log.accepts("usr_own", "owner");
  const expires_at = log.later(HOUR);
  const made = log.key("key_t", "standard", { expires_at });
  // A clock was two hours ahead for one entry; then an owner says that it is right again.
  log.wait(2 * HOUR);
  log.put("rule.set", "api_key key_m", { rule: "rul_1" });
  const told = { from: log.later(0), to: log.later(-2 * HOUR) };
  log.put("clock.accepted", "member usr_own", {}, told);
  log.wait(-999);
  log.check("dec_1", "allowed", "api_key key_t");
  log.wait(-999);
  const { untold } = await assertFine(log);
  assert.equal(untold.unclear, 1);
  log.mint("rtk_1", null, { expires_at: log.later(-HOUR) });
  log.wait(-999);
  log.consume("rtk_1");
  await assertFine(log);
  // The clock has caught up: the log moves on by more than it does while it waits.
  log.wait(60_000);
  const index = log.check("dec_2", "allowed", "api_key key_t");
  await assertBroken(log, "actor_ended", index, made, "after the clock caught up");
});

Deno.test("verifyLog() allows for a clock that was set back by a little", async () => {
  const log = org();
  const expires_at = log.later(60_000);
  const made = log.key("key_t", "standard", { expires_at });
  log.wait(60_000);
  log.check("dec_1");
  log.wait(-1000);
  // Of the very same time: the clock may have been behind it.
  log.check("dec_2", "allowed", "api_key key_t");
  await assertFine(log);
  log.wait(5 * 60_000);
  const index = log.check("dec_3", "allowed", "api_key key_t");
  await assertBroken(log, "actor_ended", index, made, "further than a clock may be wrong");
});

Deno.test("verifyLog() remembers what can be open, however long the log is", async () => {
  const log = org();
  log.mint("rtk_old");
  log.consume("rtk_old");
  log.report("rtk_old");
  for (let day = 0; day < 30; day++) {
    for (let i = 0; i < 60; i++) {
      log.mint(`rtk_${day}_${i}`);
      log.consume(`rtk_${day}_${i}`);
      log.report(`rtk_${day}_${i}`);
    }
    log.wait(24 * HOUR);
  }
  const verdict = await verdictOn(log);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  // Forgotten, and still not good again.
  const index = log.consume("rtk_old");
  await assertBroken(log, "token_unknown", index, null, "an old token");
});

Deno.test("Remembered keeps what is not over, and no more than twice that", () => {
  const remembered = new Remembered<number>();
  const timeOf = (second: number) => new Date(START + second * 1000).toISOString();
  for (let second = 0; second < 100_000; second++) {
    remembered.forget(timeOf(second));
    remembered.set(`n${second}`, second, timeOf(second + 3600));
    assert.ok(remembered.size <= 2 * 3600 + 1);
    const oldest = Math.max(0, second - 3599);
    assert.equal(remembered.get(`n${oldest}`), oldest);
  }
});
