import { type Clocks, clocksAt, stillLasts } from "../ledger/clock.ts";
import type { Operation, Reader, Transaction } from "../ledger/transaction.ts";
import { hasRight, type Right } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { accountKey, sessionKey } from "../store/keys.ts";
import {
  type AccountRecord,
  accountRecord,
  type SessionRecord,
  sessionRecord,
} from "../store/records/people.ts";
import {
  type Caller,
  callerOf,
  type CallerTier,
  type MachineCaller,
  type MemberCaller,
  type Presented,
  requireTier,
} from "./caller.ts";
import { levelsOf } from "./deciders.ts";
import { assertDemanded, requireRight } from "./deeds.ts";
import { endsAt, FRESH_MS, type PresentedSession, requireLive } from "./sessions.ts";
import { loadSubToken, subTokenCaller } from "./sub_token.ts";

/**
 * How an operation acts for somebody. Whoever presented a secret or a session is found anew inside
 * of it, in the snapshot and by the rows that its commit proves current; so what was revoked, ended
 * or lowered counts for every call that starts afterwards. What the caller may do then is asked
 * elsewhere: of a key by its tier, of a member by `deeds.ts`.
 */

/** An operation on behalf of somebody, whom its parts are handed. */
interface OperationOf<C, L, R> extends Pick<Operation<L, R>, "prepare" | "despite"> {
  readonly load?: (reader: Reader, caller: C) => Promise<L> | L;
  readonly plan: (transaction: Transaction, caller: C, loaded: L) => R;
}

/** Of anybody, unless it says of whom. */
export type CallerOperation<L, R, C extends Caller = Caller> = OperationOf<C, L, R>;

/** What only a key or an agent may do. */
export type MachineOperation<L, R> = CallerOperation<L, R, MachineCaller>;

/** How whoever acts is found, anew in each part of an operation. */
interface Finder<S, C> {
  /** Reads the rows that tell whether they still may, where the policy alone does not. */
  readonly read?: (reader: Reader) => Promise<S>;
  /**
   * `clocks` are those of the commit; absent where rows are only read for it.
   * @throws {Refusal} what says that they may not, at this moment
   */
  readonly find: (
    snapshot: Transaction["snapshot"],
    now: number,
    rows: S,
    clocks?: Clocks,
  ) => C;
  /** Looks once more at whose plan has written something. */
  readonly wrote?: (caller: C) => void;
}

/** What was read of whoever acts, and what their operation loaded. */
interface Found<L> {
  readonly rows: unknown;
  readonly loaded: L;
}

/** An operation that finds whoever acts by itself. */
export type Acting<L, R> = Operation<Found<L>, R>;

/**
 * The operation for somebody who is found where it counts: in the snapshot that the commit proves
 * current, by rows that it checks. What reads nothing is not made to wait for having read nothing.
 */
export function acting<S, C, L, R>(
  { read, find, wrote }: Finder<S, C>,
  { prepare, despite, load, plan }: OperationOf<C, L, R>,
): Acting<L, R> {
  const loadAs = (reader: Reader, rows: S): Found<L> | Promise<Found<L>> => {
    const loaded = load?.(reader, find(reader.snapshot, reader.now, rows));
    return loaded instanceof Promise
      ? loaded.then((loaded) => ({ rows, loaded }))
      : { rows, loaded: loaded as L };
  };
  return {
    ...(prepare === undefined ? {} : { prepare }),
    ...(despite === undefined ? {} : { despite }),
    load: (reader) =>
      read === undefined
        ? loadAs(reader, undefined as S)
        : read(reader).then((rows) => loadAs(reader, rows)),
    plan(transaction, { rows, loaded }) {
      const caller = find(transaction.snapshot, transaction.now, rows as S, transaction);
      const before = transaction.effects;
      const result = plan(transaction, caller, loaded);
      if (transaction.effects > before) wrote?.(caller);
      return result;
    },
  };
}

/**
 * The operation for whoever presented a secret.
 * @throws {Refusal} invalid_credentials, wrong_tier
 */
export function asCaller<L, R>(
  presented: Presented,
  allowed: readonly CallerTier[],
  operation: MachineOperation<L, R>,
) {
  const { sub_token } = presented;
  if (sub_token !== null) return asSubToken(presented, sub_token, allowed, operation);
  return acting({
    find(snapshot, now) {
      const caller = callerOf(snapshot, presented, now);
      requireTier(caller, allowed);
      return caller;
    },
  }, operation);
}

function asSubToken<L, R>(
  presented: Presented,
  id: string,
  allowed: readonly CallerTier[],
  operation: MachineOperation<L, R>,
) {
  return acting({
    read: (reader) => loadSubToken(reader, id),
    find(snapshot, now, loaded, clocks = clocksAt(now)) {
      const caller = subTokenCaller(snapshot, presented, loaded, clocks);
      requireTier(caller, allowed);
      return caller;
    },
  }, operation);
}

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
    levels: levelsOf(member, snapshot.members),
    fresh,
    held_until: held ? member.held_until : null,
    trust_tier: 0,
    tenant_ids: null,
    rate_limit_per_minute: MEMBER_RATE_LIMIT,
    audit_private: fresh && hasRight(member.role, "export_private"),
    members_behind: [member.id],
    sub_token: null,
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

/** A person who is signed in, whatever org they look at. */
export interface AccountCaller {
  readonly account: AccountRecord;
  /** The session as the commit proves it to be. */
  readonly session: PresentedSession;
  /** Whether they have shown their passkey within the last minutes. */
  readonly fresh: boolean;
}

/** What a person does to their own account. */
type AccountOperation<L, R> = OperationOf<AccountCaller, L, R>;

/**
 * The operation for the person of a session. Runs on any ledger; what concerns the account alone
 * belongs on that of the deployment.
 * @throws {Refusal} session_ended
 */
export function asAccount<L, R>(
  { hash }: Pick<PresentedSession, "hash">,
  operation: AccountOperation<L, R>,
) {
  return acting({
    async read(reader) {
      const record = await readSession(reader, hash);
      const account = (await reader.get(accountKey(record.account), accountRecord))?.value;
      if (account === undefined) throw new Refusal("session_ended", { why: "ended" });
      return { record, account };
    },
    find(_snapshot, now, { record, account }): AccountCaller {
      requireLive(record, now);
      const fresh = stillLasts(record.fresh_until, FRESH_MS, now);
      return { account, session: { hash, record }, fresh };
    },
  }, operation);
}

/**
 * Requires that the person has shown their passkey just now.
 * @param what begins a sentence, such as "Adding a passkey"
 * @throws {Refusal} fresh_assertion_required
 */
export function requireFreshAccount({ fresh }: AccountCaller, what: string): void {
  if (!fresh) throw new Refusal("fresh_assertion_required", { what });
}
