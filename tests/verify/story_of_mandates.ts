import type { JsonObject } from "../../lib/base/json.ts";
import { DIGEST, HOUR, type Log, type Rule } from "./written_story.ts";

/** What is done under mandates that cannot be. */

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

export const RULES_OF_MANDATES: readonly Rule[] = [
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
];
