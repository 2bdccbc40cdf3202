import { HOUR, type Rule } from "./written_story.ts";

/** Who does what they cannot, and decisions that cannot be. */

export const RULES_OF_ACTORS: readonly Rule[] = [
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
];
