import { cancelledWords } from "../approvals/cancelled_words.ts";
import type { Telling } from "../evidence/telling.ts";

/** Entries about actions: asked, held, decided, authorized, run. */
export const ACTION_SENTENCES = {
  "permission.checked": (t) =>
    `${t.Who} asked to run ${t.action}: ${answer(t)} (${t.said("resolved_from") ?? "?"})`,

  "approval.created": (t) =>
    `${t.Who} asked people to approve ${t.action} (${t.said("reference") ?? t.of("approval")})`,
  "approval.asked_again": (t) => `${t.Who} asked again to approve ${t.action}`,
  "approval.read": (t) => `${t.Who} was shown the arguments of the request for ${t.action}`,
  "approval.level_skipped": (t) =>
    `The request for ${t.action} goes without Level 2: nobody there can decide`,
  "approval.decided": decided,
  "approval.assertion_refused": (t) =>
    `${t.Who} was refused to decide about ${t.action}: their passkey's signature did not fit ` +
    `(${t.said("why") ?? "?"})`,
  "approval.expired": (t) => `The request for ${t.action} expired before it was decided`,
  "approval.lapsed": (t) => `The approval of ${t.action} lapsed before it was used`,
  "approval.cancelled": cancelled,
  "approval.levels_raised": (t) =>
    `The request for ${t.action} needs a second approval now, as its tool does`,
  "approval.revoked": (t) => `${t.Who} revoked the approval of ${t.action}`,

  "token.minted": (t) => `${t.Who} got a run token for ${t.action}`,
  "token.consumed": (t) =>
    `${t.Who} used a run token for ${t.action}` +
    (t.said("binding") === "unchecked" ? ", without saying what it was about to run" : ""),
  "token.refused": (t) =>
    t.said("code") === "token_invalid" && t.of("tool") === "?"
      ? `${t.Who} presented a run token that is none of this organization's`
      : `${t.Who} was refused with a run token for ${t.action} (${
        t.said("reason") ?? t.said("code") ?? "?"
      })`,

  "execution.logged": executed,
} as const satisfies Record<string, (t: Telling) => string>;

function answer(t: Telling): string {
  switch (t.said("permission")) {
    case "allowed":
      return "allowed";
    case "requires_approval":
      return "requires approval";
    default:
      return "disabled";
  }
}

function cancelled(t: Telling): string {
  const because = t.said("because");
  return because === "withdrawn"
    ? `${t.Who} withdrew the request for ${t.action}`
    : `The request for ${t.action} was cancelled: ${cancelledWords(because)}`;
}

function decided(t: Telling): string {
  const verb = t.said("decision") === "approve" ? "approved" : "denied";
  const levels = t.count("levels") > 1
    ? ` at level ${t.count("level")} of ${t.count("levels")}`
    : "";
  const by = t.said("asserted_by") === null ? "" : `, as ${t.who} says`;
  return `${t.nameOf(t.entry.subject.member)} ${verb} ${t.action}${levels}${by}`;
}

function executed(t: Telling): string {
  const { actor, data } = t.entry;
  if (actor.type === "system") return `Nobody reported in time what came of ${t.action}`;
  const late = data.late === true ? ", late" : "";
  const unattested = data.attested === false ? ", without a run token" : "";
  return `${t.Who} reported ${result(t)} of ${t.action}${late}${unattested}`;
}

function result(t: Telling): string {
  switch (t.said("execution_result")) {
    case "success":
      return "success";
    case "failed":
      return "the failure";
    case "error":
      return "an error";
    default:
      return "an unknown outcome";
  }
}
