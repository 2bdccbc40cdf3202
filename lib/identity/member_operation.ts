import { mayDecide } from "../approvals/deciders.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import { hasRight, type Right } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { sessionKey } from "../store/keys.ts";
import { type SessionRecord, sessionRecord } from "../store/records/people.ts";
import { assertDemanded, requireRight } from "./acting.ts";
import type { MemberCaller } from "./caller.ts";
import { acting, type CallerOperation } from "./caller_operation.ts";
import { endsAt, FRESH_MS, type PresentedSession, requireLive } from "./sessions.ts";

/** Requests a minute that a person's browser may send. */
export const MEMBER_RATE_LIMIT = 1200;

/** What only a signed-in member may do. */
export type MemberOperation<L, R> = CallerOperation<L, R, MemberCaller>;

/**
 * The member that a session stands for in an org at this moment.
 * @throws {Refusal} session_ended; membership_ended when there is no such member any more
 */
export function memberCaller(
  snapshot: Snapshot,
  session: SessionRecord,
  now: number,
): MemberCaller {
  requireLive(session, now);
  const member = snapshot.exists ? snapshot.memberOf(session.account) : undefined;
  if (member === undefined) {
    const organization = snapshot.exists ? snapshot.org.name : null;
    throw new Refusal("membership_ended", { organization });
  }
  const held = member.held_until !== null && member.held_until > now;
  // A recovery's passkey may be a stranger's: while it is on hold, no assertion by it is fresh.
  const fresh = stillLasts(session.fresh_until, FRESH_MS, now) && !held;
  return {
    org: snapshot.orgId,
    type: "member",
    tier: "member",
    id: member.id,
    name: member.email,
    email: member.email,
    account: session.account,
    session_id: session.id,
    session_ends_at: endsAt(session),
    role: member.role,
    levels: ([1, 2] as const).filter((level) => mayDecide(member, level, snapshot.members)),
    fresh,
    held_until: held ? member.held_until : null,
    trust_tier: 0,
    tenant_ids: null,
    rate_limit_per_minute: MEMBER_RATE_LIMIT,
    audit_private: fresh && hasRight(member.role, "export_private"),
    members_behind: [member.id],
  };
}

/** Reads a session, for the commit to check. @throws {Refusal} session_ended */
export async function readSession(reader: Reader, hash: string): Promise<SessionRecord> {
  const record = (await reader.get(sessionKey(hash), sessionRecord))?.value;
  if (record === undefined) throw new Refusal("session_ended", { why: "ended" });
  return record;
}

/**
 * The operation for the member of a session. What writes without having named its deed (`demand`)
 * fails, and nothing of it stays.
 * @throws {Refusal} session_ended, membership_ended, role_required
 */
export function asMember<L, R>(
  { hash }: Pick<PresentedSession, "hash">,
  right: Right,
  operation: MemberOperation<L, R>,
) {
  return acting({
    read: (reader) => readSession(reader, hash),
    find(snapshot, now, session) {
      const caller = memberCaller(snapshot, session, now);
      requireRight(caller, right);
      return caller;
    },
    wrote: assertDemanded,
  }, operation);
}
