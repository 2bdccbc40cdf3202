import { DIGEST, HOUR, type Rule } from "./written_story.ts";

/** Tokens, runs and calls that cannot be, and kill switches that were passed. */

export const RULES_OF_TOKENS: readonly Rule[] = [
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
];
