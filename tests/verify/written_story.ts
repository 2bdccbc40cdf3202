import type { JsonObject } from "../../lib/base/json.ts";
import type { FindingCode } from "../../lib/verify/finding.ts";
import { type Line, lineOf } from "../helpers/signed_log.ts";

/** A log in the making, and what breaks a rule of its story. */

/** When every log begins. */
export const START = Date.UTC(2026, 0, 31, 12);

/** Milliseconds. */
export const HOUR = 3_600_000;

/** Of the one action that most entries are about. */
export const DIGEST = "sha256:aa";

/** A log in the making, of entries as the service writes them. */
export class Log {
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
export function org(): Log {
  const log = new Log().begin();
  log.key("key_m", "management");
  log.key("key_s", "standard");
  log.key("key_a", "approver");
  log.agent("agt_1");
  log.accepts("usr_ann");
  log.accepts("usr_bob");
  return log;
}

export type Rule = readonly [
  name: string,
  code: FindingCode,
  /** Breaks the rule: the index of the entry that does, and of the one that it breaks with. */
  breaks: (log: Log) => readonly [index: number, earlier: number | null],
];
