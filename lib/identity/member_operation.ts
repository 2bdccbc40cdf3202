import { mayDecide } from "../approvals/deciders.ts";
import type { Operation } from "../ledger/operation.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusals/refusal.ts";
import { sessionKey } from "../store/keys.ts";
import { type SessionRecord, sessionRecord } from "../store/records/people.ts";
import type { MemberCaller } from "./caller.ts";
import type { CallerOperation } from "./caller_operation.ts";
import { hasRight, type Right } from "./rights.ts";
import { isLive, type PresentedSession } from "./sessions.ts";

/** Requests a minute that a person's browser may send. */
export const MEMBER_RATE_LIMIT = 1200;

/** What only a signed-in member may do. */
export type MemberOperation<L, R> = CallerOperation<L, R, MemberCaller>;

/**
 * The member that a session stands for in an org at this moment.
 * @throws {Refusal} session_ended when there is no such member any more
 */
export function memberCaller(
  snapshot: Snapshot,
  session: SessionRecord,
  now: number,
): MemberCaller {
  const member = snapshot.exists ? snapshot.memberOf(session.account) : undefined;
  if (member === undefined || !isLive(session, now)) throw new Refusal("session_ended", {});
  const fresh = session.fresh_until > now;
  const held = member.held_until !== null && member.held_until > now;
  return {
    org: snapshot.orgId,
    type: "member",
    tier: "member",
    id: member.id,
    name: member.email,
    email: member.email,
    account: session.account,
    session_id: session.id,
    role: member.role,
    levels: ([1, 2] as const).filter((level) => mayDecide(member, level, snapshot.members)),
    fresh,
    held_until: held ? member.held_until : null,
    trust_tier: 0,
    tenant_ids: null,
    rate_limit_per_minute: MEMBER_RATE_LIMIT,
    audit_private: fresh && hasRight(member.role, "export_private"),
    member_behind: member.id,
  };
}

/** @throws {Refusal} role_required */
export function requireRight(caller: MemberCaller, right: Right): void {
  if (!hasRight(caller.role, right)) {
    throw new Refusal("role_required", { role: caller.role, right });
  }
}

/**
 * Requires that the member has shown their passkey just now.
 * @param what begins a sentence, such as "Making a key"
 * @throws {Refusal} fresh_assertion_required
 */
export function requireFresh(caller: MemberCaller, what: string): void {
  if (!caller.fresh) throw new Refusal("fresh_assertion_required", { what });
}

/** Requires that no recovery keeps the member from ruling others. @throws {Refusal} recovery_held */
export function requireUnheld({ held_until }: MemberCaller): void {
  if (held_until === null) return;
  throw new Refusal("recovery_held", { until: new Date(held_until).toISOString() });
}

/**
 * The operation with its member found by a session that the commit proves to be in force, in the
 * policy that it proves current: a revoked session or a lowered role counts from the next call on.
 * @throws {Refusal} session_ended, role_required
 */
export function asMember<L, R>(
  session: Pick<PresentedSession, "hash">,
  right: Right,
  operation: MemberOperation<L, R>,
): Operation<{ record: SessionRecord; loaded: L }, R> {
  const caller = (snapshot: Snapshot, record: SessionRecord, now: number) => {
    const found = memberCaller(snapshot, record, now);
    requireRight(found, right);
    return found;
  };
  const { prepare, load, plan } = operation;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader) {
      const record = (await reader.get(sessionKey(session.hash), sessionRecord))?.value;
      if (record === undefined) throw new Refusal("session_ended", {});
      const found = caller(reader.snapshot, record, reader.now);
      return { record, loaded: await load?.(reader, found) as L };
    },
    plan: (transaction, { record, loaded }) =>
      plan(transaction, caller(transaction.snapshot, record, transaction.at), loaded),
  };
}
