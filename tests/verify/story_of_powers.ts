import { DIGEST, HOUR, type Rule } from "./written_story.ts";

/** Who gives a power that is not theirs, and what is done by a yes or a policy that was over. */

export const RULES_OF_POWERS: readonly Rule[] = [
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
