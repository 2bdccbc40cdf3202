import { type Decided, type DeciderPolicy, memberBar } from "../identity/deciders.ts";
import type { ApprovalLevel, ApprovalRecord } from "../store/records/approval.ts";

/** A hold ends by itself, and the key that needs no passkey does not expire: no time matters here. */
const ANY_TIME = 0;

/**
 * Whether there are people who could decide all that is still open of a pending request, when holds
 * after a recovery are over.
 */
export function someoneCanDecide(
  record: Decided & Pick<ApprovalRecord, "progress">,
  policy: DeciderPolicy,
): boolean {
  const at = (level: ApprovalLevel) => eligible(record, level, policy);
  if (record.progress.level === 2) return at(2).length > 0;
  const first = at(1);
  return record.levels === 1 ? first.length > 0 : areTwo(first, at(2));
}

/** Whether two different people can take the two levels: one who could do both is not enough. */
export function areTwo(first: readonly string[], second: readonly string[]): boolean {
  return first.length > 0 && second.length > 0 && new Set([...first, ...second]).size > 1;
}

/** Ids of who could decide a level: by a passkey, or through the key that needs none. */
function eligible(
  record: Decided,
  level: ApprovalLevel,
  policy: DeciderPolicy,
): string[] {
  const keys = policy.apiKeys.values()
    .filter(({ bootstrap, tier }) => bootstrap && tier === "approver")
    .map(({ id }) => id);
  const ways = [null, ...keys];
  return [...policy.members.values()]
    .filter((member) =>
      ways.some((asserted_by) => {
        const bar = memberBar(record, member, { level, asserted_by }, policy, ANY_TIME);
        return bar === null || bar.code === "recovery_held";
      })
    )
    .map(({ id }) => id);
}
