import type { Telling } from "./telling.ts";

/** What people did with their accounts, memberships and connections, in sentences. */

/** Entries about what people let MCP clients do for them. */
export const GRANT_SENTENCES = {
  "oauth.registered": (t) => `${program(t)} registered itself`,
  "oauth.authorized": (t) => `${t.Who} let ${program(t)} act for them (${scopes(t)})`,
  "oauth.issued": (t) => `${t.Who} got its first tokens (${scopes(t)})`,
  "oauth.refreshed": (t) => `${t.Who} got new tokens (${scopes(t)})`,
  "oauth.reuse_detected": (t) =>
    `The connection of ${program(t)} ended: its ${
      t.said("reused") === "code" ? "code" : "refresh token"
    } was used a second time, as a thief would`,
  "oauth.revoked": (t) => revoked(t),
} as const satisfies Record<string, (t: Telling) => string>;

function revoked(t: Telling): string {
  const connection = `the connection of ${program(t)}`;
  switch (t.said("because")) {
    case "revoked":
      return `${t.Who} ended ${connection}`;
    case "revoked_by_client":
      return t.said("only") === "access_token"
        ? `${t.Who} gave an access token back`
        : `${t.Who} ended its connection`;
    case "membership_ended":
      return `The connection of ${program(t)} ended with the membership of ${behind(t)}`;
    case "recovery":
      return `The connection of ${program(t)} ended with the recovery of ${behind(t)}`;
    case "signed_out":
      return `The connection of ${program(t)} ended: ${behind(t)} signed out everywhere`;
    case "crowded_out":
      return `The connection of ${program(t)} ended: newer ones took its place`;
    case "no_organization":
      return `The connection of ${program(t)} ended: no organization was left for it`;
    default:
      return `The connection of ${program(t)} ended unused`;
  }
}

function program(t: Telling): string {
  return t.program(t.entry.subject.grant);
}

function behind(t: Telling): string {
  return t.nameOf(t.entry.subject.member);
}

function scopes(t: Telling): string {
  const { scopes: granted } = t.entry.data;
  return Array.isArray(granted) ? granted.join(", ") : "nothing";
}

/** Entries about people: how they sign in, and what they sign with. */
export const PEOPLE_SENTENCES = {
  "set_up_link.made": () => "A link to set this deployment up was made",
  "account.created": (t) => `${t.Who} began an account`,
  "account.deleted": (t) =>
    t.said("because") === "in_no_organization"
      ? "An account in no organization was deleted"
      : `${t.Who} deleted their account`,
  "member.invited": (t) => `${t.Who} invited ${t.nameOf(t.entry.subject.member)}`,
  "invitation.withdrawn": (t) =>
    `${t.Who} withdrew the invitation of ${t.nameOf(t.entry.subject.member)}`,
  "member.accepted": (t) => `${t.nameOf(t.entry.subject.member)} accepted the membership`,

  "member.named": (t) => `${t.Who} changed what they are called`,

  "session.begun": (t) => `${t.Who} signed in`,
  "session.confirmed": (t) => `${t.Who} confirmed a session by passkey`,
  "org.made": (t) => `${t.Who} made an organization`,
  "session.switched": (t) => `${t.Who} switched to this organization`,
  "session.ended": (t) => {
    switch (t.said("by")) {
      case "sign_out":
        return `${t.Who} signed out`;
      case "everywhere":
        return `${t.Who} signed out everywhere: ${t.count("sessions")} other sessions, ` +
          `${t.count("browsers")} browsers for pushes and ${t.count("connections")} programs`;
      default:
        return `A session of ${t.who} was ended`;
    }
  },
  "push_subscription.added": (t) => `${t.Who} has alerts pushed to another browser`,
  "push_subscription.removed": (t) => `${t.Who} has no alerts pushed to one browser any more`,

  "passkey.added": (t) => `${t.Who} added a passkey`,
  "passkey.enrolled": (t) => `${t.Who} has a new passkey`,
  "passkey.removed": (t) => `A passkey of ${t.who} was removed`,
  "passkey.counter_regressed": (t) =>
    `A passkey of ${t.who} was refused: its counter went back, as that of a copy would`,

  "passkey.dropped": (t) => `${t.Who} removed a passkey`,
  "passkey.renamed": (t) => `${t.Who} gave a passkey another name`,
  "recovery.redeemed": (t) =>
    t.said("by") === "operator"
      ? `${t.Who} recovered their account by a link of whoever runs this deployment`
      : `${t.Who} recovered their account`,
  "recovery_link.made": (t) =>
    `A link was made by which ${t.nameOf(t.entry.subject.account)} can recover their account`,
  "recovery_codes.made": (t) => `${t.Who} has new recovery codes`,
  "recovery.confirmed": (t) =>
    `${t.Who} confirmed the recovery of ${
      t.nameOf(t.entry.subject.member)
    } before its hold was over`,
} as const satisfies Record<string, (t: Telling) => string>;
