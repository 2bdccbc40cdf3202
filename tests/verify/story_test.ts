import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { Remembered } from "../../lib/verify/story_entry.ts";
import { findingText, logReportText } from "../../lib/verify/verdict_text.ts";
import type { LogReport } from "../../lib/verify/verify_log.ts";
import { signer, verdictOf } from "../helpers/log_verdicts.ts";
import { checkpointOf, exportOf, type Line, lineOf } from "../helpers/signed_log.ts";

const START = Date.UTC(2026, 0, 31, 12);
const HOUR = 3_600_000;
const DIGEST = "sha256:aa";

/** A log in the making, of entries as the service writes them. */
class Log {
  readonly lines: Line[] = [];
  /** Milliseconds after the beginning. */
  #time = 0;

  /** Puts an entry behind the others and gives its index. */
  put(type: string, actor: string, subject: JsonObject = {}, data: JsonObject = {}): number {
    const index = this.lines.length;
    const [kind = "", id = ""] = actor.split(" ");
    const at = new Date(START + (this.#time += 1000)).toISOString();
    const named = typeof data.id === "string" ? { id: data.id } : {};
    this.lines.push(
      lineOf(index, { at, type, actor: { type: kind, id }, subject, data, ...named }),
    );
    return index;
  }

  /** Lets time pass, milliseconds. */
  wait(milliseconds: number): void {
    this.#time += milliseconds;
  }

  /** The time so many milliseconds from now, as entries have it. */
  later(milliseconds: number): string {
    return new Date(START + this.#time + milliseconds).toISOString();
  }

  begin(by = "system bootstrap"): this {
    this.put("org.created", by, { org: "org_1" });
    return this;
  }
  key(id: string, tier: string, data: JsonObject = {}): number {
    return this.put("api_key.created", "system bootstrap", { api_key: id }, { tier, ...data });
  }
  agent(id: string, data: JsonObject = {}): number {
    return this.put("agent.created", "api_key key_m", { agent: id }, data);
  }
  member(id: string, role = "approver", groups: number[] = [], by = rulerOf(role)): number {
    const changed = { role, groups };
    return this.put("member.set", by, { member: id }, { changed });
  }
  accepts(id: string, role = "approver", groups: number[] = []): number {
    this.member(id, role, groups);
    return this.put("member.accepted", `member ${id}`, { member: id }, { role, groups });
  }
  check(id: string, permission = "allowed", by = "agent agt_1", digest = DIGEST): number {
    const data = { id, permission, action_digest: digest };
    return this.put("permission.checked", by, { tool: "refund" }, data);
  }
  /** A check that requires it, and the request that comes of it; the index of the latter. */
  ask(id: string, data: JsonObject = {}, by = "agent agt_1"): number {
    const decision_id = `dec_${this.lines.length}`;
    const digest = typeof data.action_digest === "string" ? data.action_digest : DIGEST;
    this.check(decision_id, "requires_approval", by, digest);
    return this.askBy(id, decision_id, data, by);
  }
  askBy(id: string, decision_id: string, data: JsonObject = {}, by = "agent agt_1"): number {
    const expires_at = this.later(HOUR);
    const told = { action_digest: DIGEST, levels: 1, expires_at, decision_id, ...data };
    return this.put("approval.created", by, { approval: id, tool: "refund" }, told);
  }
  askAgain(id: string, by = "agent agt_1"): number {
    const decision_id = `dec_${this.lines.length}`;
    this.check(decision_id, "requires_approval", by);
    return this.put("approval.asked_again", by, { approval: id, tool: "refund" }, { decision_id });
  }
  decide(id: string, member: string, data: JsonObject = {}, by = "api_key key_a"): number {
    const asserted_by = by.startsWith("api_key ") ? by.slice(8) : null;
    const signed = asserted_by === null ? { assertion_digest: "sha256:x", credential: "c" } : {};
    const told = { decision: "approve", level: 1, action_digest: DIGEST, asserted_by, ...signed };
    return this.put("approval.decided", by, { approval: id, member }, { ...told, ...data });
  }
  /** A check and the token that comes of it; the index of the token's entry. */
  mint(id: string, approval: string | null = null, data: JsonObject = {}, by = "agent agt_1") {
    const decision_id = `dec_${this.lines.length}`;
    this.check(decision_id, approval === null ? "allowed" : "requires_approval", by);
    return this.mintBy(id, decision_id, approval, data, by);
  }
  mintBy(
    id: string,
    decision_id: string,
    approval: string | null = null,
    data: JsonObject = {},
    by = "agent agt_1",
  ): number {
    const told = { decision_id, action_digest: DIGEST, expires_at: this.later(300_000), ...data };
    return this.put("token.minted", by, { token: id, approval, tool: "refund" }, told);
  }
  consume(id: string, data: JsonObject = {}, by = "api_key key_s"): number {
    const told = { action_digest: DIGEST, ...data };
    return this.put("token.consumed", by, { token: id, tool: "refund" }, told);
  }
  /** A check and a call that runs by it at once; the index of the call's entry. */
  run(id: string, approval: string | null = null, by = "agent agt_1"): number {
    const decision_id = `dec_${this.lines.length}`;
    this.check(decision_id, approval === null ? "allowed" : "requires_approval", by);
    return this.runBy(id, decision_id, approval, by);
  }
  runBy(
    id: string,
    decision_id: string,
    approval: string | null = null,
    by = "agent agt_1",
  ): number {
    const subject = { token: id, approval, call: "cal_1", tool: "refund" };
    return this.put("token.consumed", by, subject, { decision_id, action_digest: DIGEST });
  }
  giveBack(
    id: string,
    approval: string | null = null,
    data: JsonObject = {},
    by = "system gateway",
  ): number {
    const subject = { token: id, approval, call: "cal_1", tool: "refund" };
    return this.put("token.returned", by, subject, { action_digest: DIGEST, ...data });
  }
  report(id: string, execution_result = "success", data: JsonObject = {}): number {
    const told = { action_digest: DIGEST, execution_result, ...data };
    return this.put("execution.logged", "api_key key_s", { token: id, tool: "refund" }, told);
  }
  passkey(id: string): number {
    return this.put("passkey.enrolled", `member ${id}`, { member: id }, { credential: "c" });
  }
  recovers(id: string, hold: number): number {
    const held_until = this.later(hold);
    return this.put("recovery.redeemed", `member ${id}`, { member: id }, { held_until });
  }
  /** Prepares a policy that sets the kill switch of its tool; the index that it is known by. */
  stages(on: boolean, by = "api_key key_m"): number {
    const generation = this.put("policy.staged", by, {}, { changes: 1 });
    const data = { changed: { kill_switch: on }, does: "set", generation };
    this.put("tool.staged", by, { tool: "refund" }, data);
    return generation;
  }
  ends(how: "applied" | "dropped", generation: number, changes = 1, by = "api_key key_m"): number {
    return this.put(`policy.${how}`, by, {}, { generation, changes });
  }
  throws(of: JsonObject, on = true, by = "api_key key_m"): number {
    const [noun = ""] = Object.keys(of);
    const data = noun === "agent" ? { kill_switch: on } : { changed: { kill_switch: on } };
    return this.put(`${noun}.set`, by, of, data);
  }
}

/** Who makes members of a role where no owner is there yet: a key rules nobody who rules. */
function rulerOf(role: string): string {
  return role === "owner" || role === "admin" ? "system set_up" : "api_key key_m";
}

/** An org with keys of every tier, an agent, and two approvers. */
function org(): Log {
  const log = new Log().begin();
  log.key("key_m", "management");
  log.key("key_s", "standard");
  log.key("key_a", "approver");
  log.agent("agt_1");
  log.accepts("usr_ann");
  log.accepts("usr_bob");
  return log;
}

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

type Rule = readonly [
  name: string,
  code: FindingCode,
  /** Breaks the rule: the index of the entry that does, and of the one that it breaks with. */
  breaks: (log: Log) => readonly [index: number, earlier: number | null],
];

/** A check under a mandate, after what the log has of that. */
function under(log: Log, mandate: string, mandate_seq: number, data: JsonObject = {}): number {
  return log.put("permission.checked", "agent agt_1", { tool: "t", mandate }, {
    id: `dec_${mandate_seq}`,
    action_digest: DIGEST,
    permission: "allowed",
    chain: { permission: "allowed" },
    mandate_seq,
    ...data,
  });
}

/** What a decision reserved of its mandate's own budget. */
function reserves(micros: number) {
  return { reserved: [{ scope: "mandate", window: 0, micros }] };
}

function grants(log: Log, mandate: string, data: JsonObject = {}): number {
  return log.put("mandate.granted", "api_key key_m", { mandate }, { mandate_seq: 1, ...data });
}

/** What the grant of a mandate says that is made of the first one. */
const OF_FIRST = { ancestors: ["mdt_1"] };

const RULES: readonly Rule[] = [
  ["an entry about a mandate that was left out", "mandate_gap", (log) => {
    grants(log, "mdt_1");
    const earlier = under(log, "mdt_1", 2);
    return [under(log, "mdt_1", 4), earlier];
  }],
  ["an entry about a mandate that was put in twice", "mandate_gap", (log) => {
    const earlier = grants(log, "mdt_1");
    return [under(log, "mdt_1", 1), earlier];
  }],
  ["a mandate that nobody granted", "mandate_gap", (log) => [under(log, "mdt_1", 2), null]],
  ["an answer that is wider than the policy's", "mandate_widened", (log) => {
    grants(log, "mdt_1");
    return [under(log, "mdt_1", 2, { chain: { permission: "requires_approval" } }), null];
  }],
  ["what is allowed under a revoked mandate", "mandate_over", (log) => {
    grants(log, "mdt_1");
    const earlier = log.put("mandate.revoked", "api_key key_s", { mandate: "mdt_1" }, {
      mandate_seq: 2,
    });
    return [under(log, "mdt_1", 3), earlier];
  }],
  ["what is allowed under a mandate on a closed resource", "mandate_resource_closed", (log) => {
    grants(log, "mdt_1");
    const earlier = log.put("tombstone.set", "api_key key_m", { resource: "r1" });
    const subject = { tool: "refund", mandate: "mdt_1", resource: "r1" };
    const chain = { permission: "allowed" };
    const data = {
      id: "dec_9",
      permission: "allowed",
      action_digest: DIGEST,
      mandate_seq: 2,
      chain,
    };
    return [log.put("permission.checked", "agent agt_1", subject, data), earlier];
  }],
  ["what is allowed under a mandate that is over", "mandate_over", (log) => {
    grants(log, "mdt_1", { expires_at: log.later(60_000) });
    under(log, "mdt_1", 2);
    log.wait(HOUR);
    return [under(log, "mdt_1", 3), null];
  }],
  ["a mandate that lasts longer than what it is made of", "mandate_widened", (log) => {
    const earlier = grants(log, "mdt_1", { expires_at: log.later(60_000) });
    return [grants(log, "mdt_2", { ...OF_FIRST, expires_at: log.later(60_001) }), earlier];
  }],
  ["a mandate that may cost more than what it is made of", "mandate_widened", (log) => {
    const expires_at = log.later(60_000);
    const earlier = grants(log, "mdt_1", { expires_at, budget: { limit_micros: 5 } });
    const budget = { limit_micros: 6 };
    return [grants(log, "mdt_2", { ...OF_FIRST, expires_at, budget }), earlier];
  }],
  ["a fifth mandate in a line", "mandate_widened", (log) => {
    const expires_at = log.later(60_000);
    const line: string[] = [];
    let earlier = 0;
    for (const id of ["mdt_1", "mdt_2", "mdt_3", "mdt_4"]) {
      earlier = grants(log, id, { expires_at, ancestors: [...line] });
      line.unshift(id);
    }
    return [grants(log, "mdt_5", { expires_at, ancestors: line }), earlier];
  }],
  ["a mandate in another line than what it is made of", "mandate_widened", (log) => {
    const expires_at = log.later(60_000);
    const earlier = grants(log, "mdt_1", { expires_at });
    return [grants(log, "mdt_2", { expires_at, ancestors: ["mdt_1", "mdt_0"] }), earlier];
  }],
  ["a mandate of another agent that an agent hands on", "mandate_widened", (log) => {
    const expires_at = log.later(60_000);
    const earlier = grants(log, "mdt_1", { expires_at, agent: "agt_2" });
    const made = { mandate_seq: 1, expires_at, ...OF_FIRST };
    return [log.put("mandate.granted", "agent agt_1", { mandate: "mdt_2" }, made), earlier];
  }],
  ["a mandate that an agent grants by itself", "mandate_widened", (log) => {
    const made = { mandate_seq: 1 };
    return [log.put("mandate.granted", "agent agt_1", { mandate: "mdt_1" }, made), null];
  }],
  ["what is allowed under a part of a revoked mandate", "mandate_over", (log) => {
    const expires_at = log.later(60_000);
    grants(log, "mdt_1", { expires_at });
    grants(log, "mdt_2", { ...OF_FIRST, expires_at });
    const earlier = log.put("mandate.revoked", "api_key key_s", { mandate: "mdt_1" }, {
      mandate_seq: 2,
    });
    return [under(log, "mdt_2", 2), earlier];
  }],
  ["a part of a mandate that spends nothing of it", "mandate_widened", (log) => {
    const expires_at = log.later(60_000);
    const earlier = grants(log, "mdt_1", { expires_at, budget: { limit_micros: 5 } });
    grants(log, "mdt_2", { ...OF_FIRST, expires_at });
    return [under(log, "mdt_2", 2, reserves(1)), earlier];
  }],
  ["less in the place of what a check reserved", "budget_released", (log) => {
    grants(log, "mdt_1");
    const earlier = under(log, "mdt_1", 2, reserves(9));
    return [under(log, "mdt_1", 3, { ...reserves(8), took_over: "dec_2" }), earlier];
  }],
  ["what a check reserved had twice", "budget_released", (log) => {
    grants(log, "mdt_1");
    under(log, "mdt_1", 2, reserves(9));
    const earlier = under(log, "mdt_1", 3, { ...reserves(9), took_over: "dec_2" });
    return [under(log, "mdt_1", 4, { ...reserves(9), took_over: "dec_2" }), earlier];
  }],
  ["what was settled taken over", "budget_released", (log) => {
    grants(log, "mdt_1");
    under(log, "mdt_1", 2, reserves(9));
    const earlier = log.put("budget.settled", "agent agt_1", {
      decision: "dec_2",
      mandate: "mdt_1",
    }, { actual_cost_micros: 0, mandate_seq: 3 });
    return [under(log, "mdt_1", 4, { ...reserves(9), took_over: "dec_2" }), earlier];
  }],
  ["what another mandate reserved taken over", "budget_released", (log) => {
    grants(log, "mdt_1");
    grants(log, "mdt_2");
    const earlier = under(log, "mdt_1", 2, reserves(9));
    return [under(log, "mdt_2", 2, { ...reserves(9), took_over: "dec_2" }), earlier];
  }],
  ["what nobody reserved taken over", "budget_released", (log) => {
    grants(log, "mdt_1");
    return [under(log, "mdt_1", 2, { ...reserves(9), took_over: "dec_9" }), null];
  }],
  [
    "a key that was never made",
    "actor_unknown",
    (log) => [log.check("d", "allowed", "api_key key_x"), null],
  ],
  [
    "an agent that was never made",
    "actor_unknown",
    (log) => [log.check("d", "allowed", "agent agt_x"), null],
  ],
  [
    "a grant that was never given",
    "actor_unknown",
    (log) => [log.check("d", "allowed", "oauth_grant g"), null],
  ],
  ["a key after it was revoked", "actor_ended", (log) => {
    const earlier = log.put("api_key.revoked", "api_key key_m", { api_key: "key_s" });
    return [log.check("d", "allowed", "api_key key_s"), earlier];
  }],
  ["an agent after it was removed", "actor_ended", (log) => {
    const earlier = log.put("agent.removed", "api_key key_m", { agent: "agt_1" });
    return [log.check("d"), earlier];
  }],
  ["a key after it expired", "actor_ended", (log) => {
    const earlier = log.key("key_t", "standard", { expires_at: log.later(60_000) });
    log.check("before", "allowed", "api_key key_t");
    log.wait(60_000);
    return [log.check("d", "allowed", "api_key key_t"), earlier];
  }],
  ["an agent after the expiry that it was given later", "actor_ended", (log) => {
    const expires_at = log.later(60_000);
    const earlier = log.put("agent.set", "api_key key_m", { agent: "agt_1" }, { expires_at });
    log.wait(60_000);
    return [log.check("d"), earlier];
  }],
  ["a grant after it was revoked", "actor_ended", (log) => {
    log.put("oauth.authorized", "member usr_bob", { member: "usr_bob", grant: "grt_1" });
    log.check("before", "allowed", "oauth_grant grt_1");
    const earlier = log.put("oauth.revoked", "member usr_bob", { grant: "grt_1" });
    return [log.check("d", "allowed", "oauth_grant grt_1"), earlier];
  }],
  ["a grant whose member left", "actor_ended", (log) => {
    log.put("oauth.authorized", "member usr_bob", { member: "usr_bob", grant: "grt_1" });
    const earlier = log.put("member.removed", "api_key key_m", { member: "usr_bob" });
    return [log.check("d", "allowed", "oauth_grant grt_1"), earlier];
  }],
  [
    "a management key that asks",
    "actor_not_entitled",
    (log) => [log.check("d", "allowed", "api_key key_m"), 1],
  ],
  ["a standard key that configures", "actor_not_entitled", (log) => [
    log.put("rule.set", "api_key key_s", { rule: "rul_1" }),
    2,
  ]],
  ["an agent that configures", "actor_not_entitled", (log) => [
    log.put("rule.set", "agent agt_1", { rule: "rul_1" }),
    4,
  ]],
  ["a standard key that decides", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    return [log.decide("apr_1", "usr_ann", {}, "api_key key_s"), 2];
  }],
  ["the service itself decides", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    const data = { decision: "deny", asserted_by: "key_a" };
    return [log.decide("apr_1", "usr_ann", data, "system approvals"), null];
  }],
  ["a member who mints", "actor_not_entitled", (log) => [
    log.put("token.minted", "member usr_bob", { token: "rtk_1" }),
    null,
  ]],
  ["a key without the right that reads private parts", "actor_not_entitled", (log) => [
    log.put("audit.private_read", "api_key key_s"),
    2,
  ]],
  ["an approver key of the operator after an owner has a passkey", "actor_ended", (log) => {
    log.key("key_b", "approver", { bootstrap: true });
    log.member("usr_first", "owner");
    log.ask("apr_0");
    log.decide("apr_0", "usr_first", {}, "api_key key_b");
    log.ask("apr_1");
    const earlier = log.accepts("usr_own", "owner");
    return [log.decide("apr_1", "usr_ann", {}, "api_key key_b"), earlier];
  }],
  ["somebody who is no member configures", "actor_unknown", (log) => [
    log.put("rule.set", "member usr_x", { rule: "rul_1" }),
    null,
  ]],
  ["an approver configures", "actor_not_entitled", (log) => [
    log.put("rule.set", "member usr_bob", { rule: "rul_1" }),
    8,
  ]],
  ["an admin configures after they were removed", "actor_ended", (log) => {
    log.accepts("usr_adm", "admin");
    log.put("rule.set", "member usr_adm", { rule: "rul_1" });
    const earlier = log.put("member.removed", "system leaving", { member: "usr_adm" });
    return [log.put("rule.set", "member usr_adm", { rule: "rul_1" }), earlier];
  }],
  ["a decision of somebody who is no member", "actor_unknown", (log) => {
    log.ask("apr_1");
    return [log.decide("apr_1", "usr_x"), null];
  }],
  ["a decision of a member who was removed", "actor_ended", (log) => {
    log.ask("apr_1");
    const earlier = log.put("member.removed", "api_key key_m", { member: "usr_ann" });
    return [log.decide("apr_1", "usr_ann"), earlier];
  }],
  ["a decision of a viewer", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    const earlier = log.member("usr_ann", "viewer");
    return [log.decide("apr_1", "usr_ann"), earlier];
  }],
  ["a decision at a level that the member is not at", "actor_not_entitled", (log) => {
    log.accepts("usr_cyd");
    log.passkey("usr_cyd");
    log.ask("apr_1", { levels: 2 });
    log.decide("apr_1", "usr_cyd", {}, "member usr_cyd");
    log.passkey("usr_bob");
    return [log.decide("apr_1", "usr_bob", { level: 2 }, "member usr_bob"), 8];
  }],
  ["a decision at level 1 while others are named for it", "actor_not_entitled", (log) => {
    log.member("usr_eve", "approver", [1]);
    log.ask("apr_1");
    return [log.decide("apr_1", "usr_ann"), 6];
  }],
  ["a decision by a member in another's name", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    const data = { decision: "deny", asserted_by: "usr_bob" };
    return [log.decide("apr_1", "usr_ann", data, "member usr_bob"), null];
  }],
  [
    "a name that a key gave a member",
    "actor_not_entitled",
    (log) => [log.put("member.named", "api_key key_m", { member: "usr_ann" }), 1],
  ],
  ["an approval by somebody whom a recovery holds", "actor_not_entitled", (log) => {
    log.passkey("usr_bob");
    log.ask("apr_1");
    const earlier = log.recovers("usr_bob", HOUR);
    log.ask("apr_2");
    log.decide("apr_2", "usr_bob", { decision: "deny" }, "member usr_bob");
    return [log.decide("apr_1", "usr_bob", {}, "member usr_bob"), earlier];
  }],
  ["level 2 by a key", "actor_not_entitled", (log) => {
    log.accepts("usr_two", "approver", [2]);
    log.passkey("usr_bob");
    const earlier = log.ask("apr_1", { levels: 2 });
    log.decide("apr_1", "usr_bob", {}, "member usr_bob");
    return [log.decide("apr_1", "usr_two", { level: 2 }), earlier];
  }],
  ["level 1 of two by a key", "actor_not_entitled", (log) => {
    const earlier = log.ask("apr_1", { levels: 2 });
    return [log.decide("apr_1", "usr_ann"), earlier];
  }],
  ["a key decides what a second person was skipped for", "actor_not_entitled", (log) => {
    const earlier = log.ask("apr_1", { levels_skipped: true });
    return [log.decide("apr_1", "usr_ann"), earlier];
  }],
  ["a key decides what was raised to two people", "actor_not_entitled", (log) => {
    const earlier = log.ask("apr_1");
    log.put("approval.levels_raised", "system approvals", { approval: "apr_1" }, { levels: 2 });
    return [log.decide("apr_1", "usr_ann"), earlier];
  }],
  ["level 2 before level 1", "level_out_of_order", (log) => {
    log.member("usr_two", "approver", [2]);
    const earlier = log.ask("apr_1", { levels: 2 });
    return [log.decide("apr_1", "usr_two", { level: 2 }), earlier];
  }],
  ["both levels by one person", "decided_twice", (log) => {
    log.accepts("usr_both", "approver", [1, 2]);
    log.passkey("usr_both");
    log.ask("apr_1", { levels: 2 });
    const earlier = log.decide("apr_1", "usr_both", {}, "member usr_both");
    return [log.decide("apr_1", "usr_both", { level: 2 }, "member usr_both"), earlier];
  }],
  [
    "a request that nobody made is decided",
    "approval_unknown",
    (log) => [log.decide("apr_x", "usr_ann"), null],
  ],
  ["a request is decided after it was denied", "approval_not_open", (log) => {
    log.ask("apr_1");
    const earlier = log.decide("apr_1", "usr_ann", { decision: "deny" });
    return [log.decide("apr_1", "usr_bob"), earlier];
  }],
  ["a request is decided after it was withdrawn", "approval_not_open", (log) => {
    log.ask("apr_1");
    const earlier = log.put("approval.cancelled", "agent agt_1", { approval: "apr_1" });
    return [log.decide("apr_1", "usr_bob"), earlier];
  }],
  ["a request is decided after its time", "approval_not_open", (log) => {
    const earlier = log.ask("apr_1");
    log.wait(HOUR);
    return [log.decide("apr_1", "usr_bob"), earlier];
  }],
  ["a request is decided for another action", "approval_not_open", (log) => {
    const earlier = log.ask("apr_1");
    return [log.decide("apr_1", "usr_bob", { action_digest: "sha256:bb" }), earlier];
  }],
  ["a request of before a rotation is decided", "approval_not_open", (log) => {
    log.ask("apr_1");
    const data = { keep_requests: false };
    const earlier = log.put("agent.rotated", "api_key key_m", { agent: "agt_1" }, data);
    return [log.decide("apr_1", "usr_bob"), earlier];
  }],
  ["somebody else asks again", "approval_not_open", (log) => {
    const earlier = log.ask("apr_1");
    return [log.askAgain("apr_1", "api_key key_s"), earlier];
  }],
  ["a request is made twice", "approval_not_open", (log) => {
    const earlier = log.ask("apr_1");
    return [log.ask("apr_1"), earlier];
  }],
  ["a token without its decision", "mint_undecided", (log) => [log.mintBy("rtk_1", "dec_x"), null]],
  ["a token by the decision of another", "mint_undecided", (log) => {
    const earlier = log.check("dec_1", "allowed", "api_key key_s");
    return [log.mintBy("rtk_1", "dec_1"), earlier];
  }],
  ["a token by the decision about another action", "mint_undecided", (log) => {
    const earlier = log.check("dec_1", "allowed", "agent agt_1", "sha256:bb");
    return [log.mintBy("rtk_1", "dec_1"), earlier];
  }],
  ["a token for what is disabled", "mint_undecided", (log) => {
    const earlier = log.check("dec_1", "disabled");
    return [log.mintBy("rtk_1", "dec_1"), earlier];
  }],
  ["a token for what needs an approval, without one", "mint_unapproved", (log) => {
    const earlier = log.check("dec_1", "requires_approval");
    return [log.mintBy("rtk_1", "dec_1"), earlier];
  }],
  [
    "a token from an approval that nobody asked for",
    "approval_unknown",
    (log) => [log.mint("rtk_1", "apr_x"), null],
  ],
  ["a token from a request that nobody approved", "mint_unapproved", (log) => {
    const earlier = log.ask("apr_1");
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token from a request that only level 1 approved", "mint_unapproved", (log) => {
    log.passkey("usr_bob");
    log.ask("apr_1", { levels: 2 });
    const earlier = log.decide("apr_1", "usr_bob", {}, "member usr_bob");
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token from a request whose levels were raised", "mint_unapproved", (log) => {
    log.passkey("usr_bob");
    log.ask("apr_1");
    log.put("approval.levels_raised", "system approvals", { approval: "apr_1" }, { levels: 2 });
    const earlier = log.decide("apr_1", "usr_bob", {}, "member usr_bob");
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["levels that are lowered while a request waits", "level_out_of_order", (log) => {
    const earlier = log.ask("apr_1", { levels: 2 });
    const lowered = ["approval.levels_raised", "system approvals"] as const;
    return [log.put(...lowered, { approval: "apr_1" }, { levels: 1 }), earlier];
  }],
  ["two tokens by one decision", "mint_undecided", (log) => {
    log.check("dec_1");
    const earlier = log.mintBy("rtk_1", "dec_1");
    return [log.mintBy("rtk_2", "dec_1"), earlier];
  }],
  ["a token for another tool than was decided about", "mint_undecided", (log) => {
    const data = { id: "dec_1", permission: "allowed", action_digest: DIGEST };
    const earlier = log.put("permission.checked", "agent agt_1", { tool: "other" }, data);
    return [log.mintBy("rtk_1", "dec_1"), earlier];
  }],
  ["a token that is consumed under another tool's name, past a kill switch", "token_mismatch", (
    log,
  ) => {
    const earlier = log.mint("rtk_1");
    log.throws({ tool: "refund" });
    const data = { action_digest: DIGEST };
    const subject = { token: "rtk_1", tool: "other" };
    return [log.put("token.consumed", "api_key key_s", subject, data), earlier];
  }],
  ["a token from an approval that was denied", "mint_unapproved", (log) => {
    log.ask("apr_1");
    const earlier = log.decide("apr_1", "usr_ann", { decision: "deny" });
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token from an approval that was used", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    const earlier = log.mint("rtk_1", "apr_1");
    return [log.mint("rtk_2", "apr_1"), earlier];
  }],
  ["a token from an approval that was revoked", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    const earlier = log.put("approval.revoked", "member usr_bob", { approval: "apr_1" });
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token from an approval whose time to be used was over", "mint_unapproved", (log) => {
    log.ask("apr_1");
    const earlier = log.decide("apr_1", "usr_ann", { use_before: log.later(60_000) });
    log.wait(60_000);
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token from the approval of another action", "mint_unapproved", (log) => {
    const earlier = log.ask("apr_1", { action_digest: "sha256:bb" });
    log.decide("apr_1", "usr_ann", { action_digest: "sha256:bb" });
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token from the approval of another requester", "mint_unapproved", (log) => {
    const earlier = log.ask("apr_1", {}, "api_key key_s");
    log.decide("apr_1", "usr_ann");
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token that is minted twice", "token_spent", (log) => {
    const earlier = log.mint("rtk_1");
    return [log.mint("rtk_1"), earlier];
  }],
  ["a token that was never minted", "token_unknown", (log) => [log.consume("rtk_x"), null]],
  ["a token that is consumed twice", "token_spent", (log) => {
    log.mint("rtk_1");
    const earlier = log.consume("rtk_1");
    return [log.consume("rtk_1"), earlier];
  }],
  ["a token that is consumed after its time", "token_ended", (log) => {
    const earlier = log.mint("rtk_1");
    log.wait(300_000);
    return [log.consume("rtk_1"), earlier];
  }],
  ["a token that says it is good for a day", "token_ended", (log) => {
    const earlier = log.mint("rtk_1", null, { expires_at: log.later(24 * HOUR) });
    log.wait(HOUR);
    return [log.consume("rtk_1"), earlier];
  }],
  ["a token whose approval was revoked", "token_ended", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    log.mint("rtk_1", "apr_1");
    const subject = { approval: "apr_1", token: "rtk_1" };
    const earlier = log.put("approval.revoked", "member usr_bob", subject);
    return [log.consume("rtk_1"), earlier];
  }],
  ["a token whose minter was revoked", "token_ended", (log) => {
    log.mint("rtk_1");
    const earlier = log.put("agent.removed", "api_key key_m", { agent: "agt_1" });
    return [log.consume("rtk_1"), earlier];
  }],
  ["a token of before a rotation", "token_ended", (log) => {
    log.mint("rtk_1");
    const data = { keep_requests: false };
    const earlier = log.put("agent.rotated", "api_key key_m", { agent: "agt_1" }, data);
    return [log.consume("rtk_1"), earlier];
  }],
  ["a token that is consumed for another action", "token_mismatch", (log) => {
    const earlier = log.mint("rtk_1");
    return [log.consume("rtk_1", { action_digest: "sha256:bb" }), earlier];
  }],
  ["a run of a token that nobody consumed", "report_unfounded", (log) => {
    const earlier = log.mint("rtk_1");
    return [log.report("rtk_1"), earlier];
  }],
  ["a run that is reported twice", "report_unfounded", (log) => {
    log.mint("rtk_1");
    log.consume("rtk_1");
    const earlier = log.report("rtk_1");
    return [log.report("rtk_1", "failed"), earlier];
  }],
  ["a run that is reported late, twice", "report_unfounded", (log) => {
    log.mint("rtk_1");
    log.consume("rtk_1");
    log.report("rtk_1", "unknown");
    const earlier = log.report("rtk_1", "failed");
    return [log.report("rtk_1", "success"), earlier];
  }],
  ["a run of another action", "token_mismatch", (log) => {
    const earlier = log.mint("rtk_1");
    log.consume("rtk_1");
    return [log.report("rtk_1", "success", { action_digest: "sha256:bb" }), earlier];
  }],
  ...[{ org: "org_1" }, { tool: "refund" }, { agent: "agt_1" }].flatMap((of): Rule[] => {
    const [noun = ""] = Object.keys(of);
    return [
      [`something is allowed under the kill switch of the ${noun}`, "kill_switch_passed", (log) => {
        const earlier = log.throws(of);
        return [log.check("dec_1"), earlier];
      }],
      [`a token is minted under the kill switch of the ${noun}`, "kill_switch_passed", (log) => {
        log.check("dec_1");
        const earlier = log.throws(of);
        return [log.mintBy("rtk_1", "dec_1"), earlier];
      }],
      [`a token is consumed under the kill switch of the ${noun}`, "kill_switch_passed", (log) => {
        log.mint("rtk_1");
        const earlier = log.throws(of);
        return [log.consume("rtk_1"), earlier];
      }],
    ];
  }),
  [
    "an agent is made with its kill switch on, and is allowed something",
    "kill_switch_passed",
    (log) => {
      const earlier = log.agent("agt_2", { kill_switch: true });
      return [log.check("dec_1", "allowed", "agent agt_2"), earlier];
    },
  ],
  ["a key releases a kill switch although an owner has a passkey", "actor_not_entitled", (log) => {
    log.accepts("usr_own", "owner");
    const earlier = log.throws({ org: "org_1" });
    return [log.throws({ org: "org_1" }, false), earlier];
  }],
  ["a key removes a tool that somebody stopped, and so lets it go", "actor_not_entitled", (log) => {
    log.accepts("usr_own", "owner");
    const earlier = log.throws({ tool: "refund" });
    return [log.put("tool.removed", "api_key key_m", { tool: "refund" }), earlier];
  }],
  ["an admin releases a kill switch", "actor_not_entitled", (log) => {
    log.accepts("usr_adm", "admin");
    const earlier = log.throws({ tool: "refund" });
    return [log.throws({ tool: "refund" }, false, "member usr_adm"), earlier];
  }],
  ["something is allowed under a kill switch of a larger policy", "kill_switch_passed", (log) => {
    const generation = log.stages(true);
    log.check("dec_1");
    const earlier = log.ends("applied", generation);
    return [log.check("dec_2"), earlier];
  }],
  [
    "something is allowed after a policy that lets go on was dropped",
    "kill_switch_passed",
    (log) => {
      const earlier = log.throws({ tool: "refund" });
      log.ends("dropped", log.stages(false));
      return [log.check("dec_1"), earlier];
    },
  ],
  ["an admin releases a kill switch by a larger policy", "actor_not_entitled", (log) => {
    log.accepts("usr_adm", "admin");
    const earlier = log.throws({ tool: "refund" });
    const generation = log.stages(false, "member usr_adm");
    return [log.ends("applied", generation, 1, "member usr_adm"), earlier];
  }],
  ["a larger policy is applied of which a change is not told", "policy_incomplete", (log) => {
    const earlier = log.stages(true);
    return [log.ends("applied", earlier, 2), earlier];
  }],
  ["a larger policy is applied twice", "policy_incomplete", (log) => {
    const generation = log.stages(true);
    log.ends("applied", generation);
    return [log.ends("applied", generation), null];
  }],
  ["a call without its decision", "mint_undecided", (log) => [log.runBy("rtk_1", "dec_x"), null]],
  ["a call of what is disabled", "mint_undecided", (log) => {
    const earlier = log.check("dec_1", "disabled");
    return [log.runBy("rtk_1", "dec_1"), earlier];
  }],
  ["a call that nobody approved", "mint_unapproved", (log) => {
    const earlier = log.check("dec_1", "requires_approval");
    return [log.runBy("rtk_1", "dec_1"), earlier];
  }],
  ["a call by an approval that another used", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann", { use_before: log.later(HOUR) });
    const earlier = log.run("rtk_1", "apr_1");
    return [log.run("rtk_2", "apr_1"), earlier];
  }],
  ["a call that runs twice by one token", "token_spent", (log) => {
    const earlier = log.run("rtk_1");
    return [log.run("rtk_1"), earlier];
  }],
  ["a call whose kill switch is on", "kill_switch_passed", (log) => {
    log.check("dec_1", "allowed");
    const earlier = log.throws({ tool: "refund" });
    return [log.runBy("rtk_1", "dec_1"), earlier];
  }],
  ["a run that is given back after it was told of", "report_unfounded", (log) => {
    log.run("rtk_1");
    const earlier = log.report("rtk_1");
    return [log.giveBack("rtk_1"), earlier];
  }],
  ["a run that is told of after it was given back", "report_unfounded", (log) => {
    log.run("rtk_1");
    const earlier = log.giveBack("rtk_1");
    return [log.report("rtk_1"), earlier];
  }],
  ["a token that is given back unused", "report_unfounded", (log) => {
    const earlier = log.mint("rtk_1");
    return [log.giveBack("rtk_1"), earlier];
  }],
  ["a token that is given back for another action", "token_mismatch", (log) => {
    const earlier = log.run("rtk_1");
    return [log.giveBack("rtk_1", null, { action_digest: "sha256:bb" }), earlier];
  }],
  ["an agent gives its own token back", "actor_not_entitled", (log) => {
    log.run("rtk_1");
    return [log.giveBack("rtk_1", null, {}, "agent agt_1"), 4];
  }],
  ["an approver lets a computer in", "actor_not_entitled", (log) => {
    const earlier = log.accepts("usr_app", "approver");
    const about = { member: "usr_app", login: "lgn_1" };
    return [log.put("login.allowed", "member usr_app", about, { gives: "agent" }), earlier];
  }],
  ["a computer is let in by a key", "actor_not_entitled", (log) => {
    return [log.put("login.allowed", "api_key key_m", { login: "lgn_1" }, { gives: "agent" }), 1];
  }],
  ["an approval through a key by somebody who never accepted", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    const earlier = log.member("usr_new");
    return [log.decide("apr_1", "usr_new"), earlier];
  }],
  [
    "the operator's key names who is no owner, and accepted nothing",
    "actor_not_entitled",
    (log) => {
      log.key("key_b", "approver", { bootstrap: true });
      log.ask("apr_1");
      const earlier = log.member("usr_new");
      return [log.decide("apr_1", "usr_new", {}, "api_key key_b"), earlier];
    },
  ],
  ["an approval through a key by somebody whom a recovery holds", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    const earlier = log.recovers("usr_ann", HOUR);
    return [log.decide("apr_1", "usr_ann"), earlier];
  }],
  ["a key makes an approver key", "actor_not_entitled", (log) => {
    const made = { tier: "approver" };
    return [log.put("api_key.created", "api_key key_m", { api_key: "key_b" }, made), 1];
  }],
  ["a key makes one that reads private parts", "actor_not_entitled", (log) => {
    const made = { tier: "standard", audit_private: true };
    return [log.put("api_key.created", "api_key key_m", { api_key: "key_b" }, made), 1];
  }],
  [
    "a key makes one that speaks for users although an owner has a passkey",
    "actor_not_entitled",
    (log) => {
      const made = { tier: "management", user_passkeys: true };
      log.put("api_key.created", "api_key key_m", { api_key: "key_b" }, made);
      log.accepts("usr_own", "owner");
      return [log.put("api_key.created", "api_key key_m", { api_key: "key_c" }, made), 1];
    },
  ],
  ["an admin makes an approver key", "actor_not_entitled", (log) => {
    const earlier = log.accepts("usr_adm", "admin");
    const made = { tier: "approver" };
    return [log.put("api_key.created", "member usr_adm", { api_key: "key_b" }, made), earlier];
  }],
  ["a key loosens a setting", "actor_not_entitled", (log) => {
    const data = { changed: { separation_of_duties: false } };
    return [log.put("org.set", "api_key key_m", { org: "org_1" }, data), 1];
  }],
  ["an admin lets keys decide", "actor_not_entitled", (log) => {
    const earlier = log.accepts("usr_adm", "admin");
    const data = { changed: { api_decisions: true } };
    return [log.put("org.set", "member usr_adm", { org: "org_1" }, data), earlier];
  }],
  ["a key makes an admin", "actor_not_entitled", (log) => [
    log.member("usr_ann", "admin", [], "api_key key_m"),
    1,
  ]],
  ["a key removes an owner", "actor_not_entitled", (log) => {
    log.member("usr_own", "owner");
    return [log.put("member.removed", "api_key key_m", { member: "usr_own" }), 1];
  }],
  ["an admin makes an owner", "actor_not_entitled", (log) => {
    const earlier = log.accepts("usr_adm", "admin");
    return [log.member("usr_ann", "owner", [], "member usr_adm"), earlier];
  }],
  ["an admin takes an owner's role", "actor_not_entitled", (log) => {
    const earlier = log.accepts("usr_adm", "admin");
    log.member("usr_own", "owner");
    return [log.member("usr_own", "viewer", [], "member usr_adm"), earlier];
  }],
  ["a membership that nobody offers", "actor_unknown", (log) => {
    const data = { role: "owner", groups: [] };
    return [log.put("member.accepted", "member usr_x", { member: "usr_x" }, data), null];
  }],
  ["a membership of another role than is offered", "actor_not_entitled", (log) => {
    const earlier = log.member("usr_eve");
    const data = { role: "owner", groups: [] };
    return [log.put("member.accepted", "member usr_eve", { member: "usr_eve" }, data), earlier];
  }],
  ["a membership that somebody takes for another", "actor_not_entitled", (log) => [
    log.put("member.accepted", "member usr_bob", { member: "usr_ann" }, { role: "approver" }),
    null,
  ]],
  ["somebody confirms their own recovery", "actor_not_entitled", (log) => {
    const earlier = log.accepts("usr_own", "owner");
    log.recovers("usr_own", HOUR);
    const subject = { member: "usr_own" };
    return [log.put("recovery.confirmed", "member usr_own", subject), earlier];
  }],
  ["a key is made by somebody whom a recovery holds", "actor_not_entitled", (log) => {
    log.accepts("usr_own", "owner");
    const earlier = log.recovers("usr_own", HOUR);
    const made = { tier: "standard" };
    return [log.put("api_key.created", "member usr_own", { api_key: "key_b" }, made), earlier];
  }],
  ["a kill switch is released by somebody whom a recovery holds", "actor_not_entitled", (log) => {
    log.accepts("usr_own", "owner");
    const earlier = log.throws({ org: "org_1" });
    log.recovers("usr_own", HOUR);
    return [log.throws({ org: "org_1" }, false, "member usr_own"), earlier];
  }],
  ["an approval by somebody who came with a recovery on hold", "actor_not_entitled", (log) => {
    log.ask("apr_1");
    log.member("usr_eve");
    const data = { role: "approver", groups: [], held_until: log.later(HOUR) };
    const subject = { member: "usr_eve" };
    const earlier = log.put("member.accepted", "member usr_eve", subject, data);
    log.passkey("usr_eve");
    return [log.decide("apr_1", "usr_eve", {}, "member usr_eve"), earlier];
  }],
  ["a passkey that somebody else gives a member", "actor_not_entitled", (log) => {
    const subject = { member: "usr_bob" };
    return [log.put("passkey.enrolled", "system test", subject, { credential: "c" }), null];
  }],
  ...[{ levels: 2 }, { levels_skipped: true }].map((two): Rule => [
    `one of two people answers for who asks (${Object.keys(two)})`,
    "actor_not_entitled",
    (log) => {
      log.accepts("usr_own", "owner");
      log.passkey("usr_own");
      const earlier = log.put("agent.rotated", "member usr_own", { agent: "agt_1" }, {});
      log.ask("apr_1", two);
      return [log.decide("apr_1", "usr_own", {}, "member usr_own"), earlier];
    },
  ]),
  [
    "somebody approves what their own key's key asks, though duties are separated",
    "actor_not_entitled",
    (
      log,
    ) => {
      log.put("org.set", "api_key key_m", {}, { changed: { separation_of_duties: true } });
      log.accepts("usr_own", "owner");
      const made = { tier: "management" };
      log.put("api_key.created", "member usr_own", { api_key: "key_b" }, made);
      const of = { tier: "standard" };
      const earlier = log.put("api_key.created", "api_key key_b", { api_key: "key_c" }, of);
      log.ask("apr_1", {}, "api_key key_c");
      return [log.decide("apr_1", "usr_own"), earlier];
    },
  ],
  ["a token by the yes of somebody who was removed since", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    const earlier = log.put("member.removed", "api_key key_m", { member: "usr_ann" });
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token by the yes of somebody who may not decide any more", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    const earlier = log.member("usr_ann", "viewer");
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token by the yes of somebody who recovered their account since", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    const earlier = log.recovers("usr_ann", HOUR);
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  ["a token by a yes through a key that was revoked since", "mint_unapproved", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    const earlier = log.put("api_key.revoked", "api_key key_m", { api_key: "key_a" });
    return [log.mint("rtk_1", "apr_1"), earlier];
  }],
  [
    "a call by the yes of somebody who was given the agent's secret since",
    "mint_unapproved",
    (log) => {
      log.put("org.set", "api_key key_m", {}, { changed: { separation_of_duties: true } });
      log.accepts("usr_own", "owner");
      log.passkey("usr_own");
      log.ask("apr_1");
      log.decide("apr_1", "usr_own", {}, "member usr_own");
      const kept = { keep_requests: true };
      const earlier = log.put("agent.rotated", "member usr_own", { agent: "agt_1" }, kept);
      return [log.run("rtk_1", "apr_1"), earlier];
    },
  ],
  ["a request that no decision asks for", "ask_undecided", (log) => [
    log.askBy("apr_1", "dec_x"),
    null,
  ]],
  ["a request for what is allowed", "ask_undecided", (log) => {
    const earlier = log.check("dec_1");
    return [log.askBy("apr_1", "dec_1"), earlier];
  }],
  ["a request by the decision of another", "ask_undecided", (log) => {
    const earlier = log.check("dec_1", "requires_approval", "api_key key_s");
    return [log.askBy("apr_1", "dec_1"), earlier];
  }],
  ["a request for another action than was decided about", "ask_undecided", (log) => {
    const earlier = log.check("dec_1", "requires_approval", "agent agt_1", "sha256:bb");
    return [log.askBy("apr_1", "dec_1"), earlier];
  }],
  ["a machine ends what another asked", "actor_not_entitled", (log) => {
    const earlier = log.ask("apr_1");
    return [log.put("approval.cancelled", "api_key key_s", { approval: "apr_1" }), earlier];
  }],
  ["a token whose approval was revoked without a word of it", "token_ended", (log) => {
    log.ask("apr_1");
    log.decide("apr_1", "usr_ann");
    log.mint("rtk_1", "apr_1");
    const earlier = log.put("approval.revoked", "member usr_bob", { approval: "apr_1" });
    return [log.consume("rtk_1"), earlier];
  }],
  [
    "a token that is consumed for another tenant than it was minted for",
    "token_mismatch",
    (log) => {
      const earlier = log.mint("rtk_1");
      const subject = { token: "rtk_1", tool: "refund", tenant: "acme" };
      return [
        log.put("token.consumed", "api_key key_s", subject, { action_digest: DIGEST }),
        earlier,
      ];
    },
  ],
  ["a run that says it was authorized, and names no token", "report_unfounded", (log) => [
    log.put("execution.logged", "api_key key_s", { tool: "refund" }, { attested: true }),
    null,
  ]],
  ["a decision on a policy that had been replaced", "policy_outdated", (log) => {
    const data = { id: "dec_1", permission: "allowed", action_digest: DIGEST, policy_version: 6 };
    log.put("permission.checked", "agent agt_1", { tool: "refund" }, data);
    const earlier = log.put("rule.set", "api_key key_m", { rule: "r" }, { policy_version: 7 });
    const late = { ...data, id: "dec_2" };
    return [log.put("permission.checked", "agent agt_1", { tool: "refund" }, late), earlier];
  }],
  ["a standard key applies a larger policy", "actor_not_entitled", (log) => {
    const generation = log.stages(true);
    return [log.ends("applied", generation, 1, "api_key key_s"), 2];
  }],
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
