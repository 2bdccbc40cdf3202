import { isWithin } from "../ledger/clock.ts";
import type { Shared } from "../ledger/guarded_rows.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { approvalCountKey, approvalOrgCountKey } from "../store/keys.ts";
import type { AskHistory, OrgCount, RequesterCount } from "../store/records/approval.ts";

/**
 * How much may be asked, so that no approver is worn down: pending requests, new ones a minute, and
 * a rest after a denial. Of the counts there is one row for many requests of the same commit: each
 * goes on from what the one before it made of them.
 */

/** How much may be asked, so that nobody is worn down. */
export const ASK_LIMITS = {
  pending_per_requester: 20,
  new_a_minute: 30,
  pending_per_org: 500,
  asked_again: 50,
} as const;

/** How long the same action cannot be asked again after a denial, milliseconds. */
const DENIAL_REST_MS = 10 * 60 * 1000;

const MINUTE_MS = 60 * 1000;

/** Longer than any request is pending. */
const COUNTS_KEPT_MS = 8 * 24 * 60 * 60 * 1000;

/** The denial after which an action cannot be asked again yet, and for how long; null for none. */
export function denialRest(
  { last_denial }: Pick<AskHistory, "last_denial">,
  now: number,
): { approval_id: string; retry_after_seconds: number } | null {
  if (last_denial === null || !isWithin(DENIAL_REST_MS, last_denial.at, now)) return null;
  const { approval, at } = last_denial;
  return {
    approval_id: approval,
    retry_after_seconds: Math.ceil((at + DENIAL_REST_MS - now) / 1000),
  };
}

/** What is asked at the moment, by one requester and in the org. */
export interface AskCounts {
  readonly requester: RequesterCount;
  readonly org: OrgCount;
}

/** The rows of the counts, for a transaction to say how they stand in it. */
export interface LoadedCounts {
  readonly requester: Shared<"approval_count">;
  readonly org: Shared<"approval_org_count">;
  /**
   * Where a mandate is named: the same for what is asked of its user alone, who is not worn down by
   * what others are asked.
   */
  readonly ofUser: LoadedCounts | null;
}

/** Reads how much a requester, and the org, ask at the moment. */
export async function loadCounts(
  reader: Reader,
  requester: string,
  mandate: string | null = null,
): Promise<LoadedCounts> {
  const { orgId } = reader.snapshot;
  const [ofRequester, org, underMandate] = await Promise.all([
    reader.shared(approvalCountKey(orgId, requester)),
    reader.shared(approvalOrgCountKey(orgId)),
    mandate === null ? null : reader.shared(approvalCountKey(orgId, underOf(requester, mandate))),
  ]);
  const ofUser = underMandate === null ? null : { requester: underMandate, org, ofUser: null };
  return { requester: ofRequester, org, ofUser };
}

/** By what it is counted that a requester asks the user of a mandate; ids have no space. */
function underOf(requester: string, mandate: string): string {
  return `${requester} ${mandate}`;
}

/** The counts after all that this commit has done so far. */
export function countsNow(transaction: Transaction, loaded: LoadedCounts): AskCounts {
  return {
    requester: transaction.latest(loaded.requester) ?? { deadlines: [], recent: [] },
    org: transaction.latest(loaded.org) ?? { deadlines: [] },
  };
}

/** The limit that one more request would pass, or null. */
export function limitReached(
  counts: AskCounts,
  now: number,
): { limit: string; retry_after_seconds: number } | null {
  const { pending_per_requester, new_a_minute, pending_per_org } = ASK_LIMITS;
  const recent = recentOf(counts.requester, now);
  if (recent.length >= new_a_minute) {
    const free = Math.min(...recent) + MINUTE_MS;
    return {
      limit: `${new_a_minute} new requests a minute`,
      retry_after_seconds: Math.max(1, Math.ceil((free - now) / 1000)),
    };
  }
  // When somebody decides is not known: come back in a minute.
  const retry_after_seconds = 60;
  if (open(counts.requester.deadlines, now).length >= pending_per_requester) {
    return { limit: `${pending_per_requester} pending requests a requester`, retry_after_seconds };
  }
  if (open(counts.org.deadlines, now).length >= pending_per_org) {
    return { limit: `${pending_per_org} pending requests an organization`, retry_after_seconds };
  }
  return null;
}

/** The counts with one request more. */
export function withRequest(counts: AskCounts, deadline: number, now: number): AskCounts {
  return {
    requester: {
      deadlines: [...open(counts.requester.deadlines, now), deadline],
      recent: [...recentOf(counts.requester, now), now],
    },
    org: { deadlines: [...open(counts.org.deadlines, now), deadline] },
  };
}

/** The counts with one request less. */
export function withoutRequest(counts: AskCounts, deadline: number, now: number): AskCounts {
  return {
    requester: {
      deadlines: without(open(counts.requester.deadlines, now), deadline),
      recent: recentOf(counts.requester, now),
    },
    org: { deadlines: without(open(counts.org.deadlines, now), deadline) },
  };
}

/** Writes the counts into the commit that changes them. */
export function storeCounts(
  transaction: Transaction,
  { requester, org }: LoadedCounts,
  counts: AskCounts,
): void {
  const expireIn = COUNTS_KEPT_MS;
  transaction.setGuarded(requester.key, counts.requester, { expireIn });
  transaction.setGuarded(org.key, counts.org, { expireIn });
}

function open(deadlines: readonly number[], now: number): number[] {
  return deadlines.filter((deadline) => deadline > now);
}

function recentOf({ recent }: RequesterCount, now: number): number[] {
  return recent.filter((time) => isWithin(MINUTE_MS, time, now));
}

function without(deadlines: readonly number[], deadline: number): number[] {
  const at = deadlines.indexOf(deadline);
  return at === -1 ? [...deadlines] : deadlines.toSpliced(at, 1);
}
