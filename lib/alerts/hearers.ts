import {
  allBehind,
  byPasskey,
  type Decided,
  type DeciderPolicy,
  decisionBar,
  hasAccount,
  type Hearer,
  levelsOf,
} from "../identity/deciders.ts";
import type { AlertKind } from "../store/records/alert.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";

/**
 * Who hears of a request, and whether there still is something to hear. Pure.
 */

/** What of a request says who hears of it. */
type HeardOf = Decided & Pick<ApprovalRecord, "progress" | "expires_at">;

/**
 * Whether there is still something to tell: the request stands where the alert says. `now` in
 * milliseconds.
 */
export function stillNews(
  kind: AlertKind,
  { progress, expires_at }: Pick<HeardOf, "progress" | "expires_at">,
  now: number,
): boolean {
  const waits = progress.state === "pending" && now < expires_at;
  switch (kind) {
    case "new_request":
      return waits && progress.level === 1;
    case "second_level":
      return waits && progress.level === 2;
    case "nearing_expiry":
      return waits;
    case "decided":
      return "decided_at" in progress && progress.decided_at !== null;
  }
}

/** The members who are told, by their ids: who can decide, or who else cares for the decision. */
export function hearers(
  kind: AlertKind,
  request: HeardOf,
  policy: DeciderPolicy,
  now: number,
): Hearer[] {
  return [...policy.members.values()]
    .filter(hasAccount)
    .filter((member) => isHearer(member, kind, request, policy, now))
    .sort((a, b) => a.id < b.id ? -1 : 1);
}

/** Whether a member is among those who are told. */
export function isHearer(
  member: Hearer,
  kind: AlertKind,
  request: HeardOf,
  policy: DeciderPolicy,
  now: number,
): boolean {
  if (kind === "decided") {
    if (request.decisions.at(-1)?.member === member.id) return false;
    return levelsOf(member, policy.members).some((level) => level === request.progress.level) ||
      allBehind(request, policy).has(member.id);
  }
  return decisionBar(request, byPasskey(member, request), policy, now) === null;
}
