import type { Telling } from "../evidence/telling.ts";

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
