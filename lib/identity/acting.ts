import { stillLasts } from "../ledger/clock.ts";
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
  ownerEnrolled,
  type Presented,
  requireTier,
} from "./caller.ts";
import { mayDecide } from "./deciders.ts";
import { endsAt, FRESH_MS, type PresentedSession, requireLive } from "./sessions.ts";

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
  /** @throws {Refusal} what says that they may not, at this moment */
  readonly find: (snapshot: Transaction["snapshot"], now: number, rows: S) => C;
  /** Looks once more at whose plan has written something. */
  readonly wrote?: (caller: C) => void;
}

/** The same where rows tell whether they still may, and not the policy alone. */
interface RowFinder<S, C> extends Finder<S, C> {
  readonly read: (reader: Reader) => Promise<S>;
}

interface Found<S, L> {
  readonly rows: S;
  readonly loaded: L;
}

/**
 * The operation for somebody who is found where it counts: in the snapshot that the commit proves
 * current, by rows that it checks. A credential that was revoked, a session that was ended or a role
 * that was lowered is so for every call that starts afterwards.
 */
export function acting<S, C, L, R>(
  finder: RowFinder<S, C>,
  operation: OperationOf<C, L, R>,
): Operation<Found<S, L>, R>;

export function acting<C, L, R>(
  finder: Finder<void, C>,
  operation: OperationOf<C, L, R>,
): Operation<L, R>;

export function acting<S, C, L, R>(
  finder: Finder<void, C> | RowFinder<S, C>,
  operation: OperationOf<C, L, R>,
): Operation<L, R> | Operation<Found<S, L>, R> {
  const { prepare, despite, load } = operation;
  const same = {
    ...(prepare === undefined ? {} : { prepare }),
    ...(despite === undefined ? {} : { despite }),
  };
  if ("read" in finder) {
    return {
      ...same,
      async load(reader: Reader) {
        const rows = await finder.read(reader);
        const caller = finder.find(reader.snapshot, reader.now, rows);
        return { rows, loaded: await load?.(reader, caller) as L };
      },
      plan: (transaction: Transaction, { rows, loaded }: Found<S, L>) =>
        planAs(finder, rows, operation, transaction, loaded),
    };
  }
  return {
    ...same,
    // What reads nothing is not made to wait for having read nothing.
    ...(load === undefined
      ? {}
      : { load: (reader: Reader) => load(reader, finder.find(reader.snapshot, reader.now)) }),
    plan: (transaction: Transaction, loaded: L) =>
      planAs(finder, undefined, operation, transaction, loaded),
  };
}

function planAs<S, C, L, R>(
  { find, wrote }: Finder<S, C>,
  rows: S,
  { plan }: OperationOf<C, L, R>,
  transaction: Transaction,
  loaded: L,
): R {
  const caller = find(transaction.snapshot, transaction.now, rows);
  const before = transaction.effects;
  const result = plan(transaction, caller, loaded);
  if (transaction.effects > before) wrote?.(caller);
  return result;
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
  return acting({
    find(snapshot, now) {
      const caller = callerOf(snapshot, presented, now);
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
async function readSession(reader: Reader, hash: string): Promise<SessionRecord> {
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

/**
 * What a deed asks of a member besides its right:
 * - `nothing`: it only looks at what is not private, stops something, or is about the member alone;
 * - `no_hold`: no recovery of their account is on hold;
 * - `passkey`: no hold, and their passkey shown within the last minutes. Both always together: a hold
 *   is there because the passkey may be a stranger's, so while it lasts no assertion is fresh.
 */
type Asks = "nothing" | "no_hold" | "passkey";

/**
 * Every deed of a member, and what it asks of them: the one table. An operation names its deed, and
 * one that writes without having named any is not committed (`asMember`).
 *
 * Somebody on hold may still throw a kill switch, which stops whatever they lost control of, and take
 * an approval back. Nothing else of the org is theirs to change, not even to tighten it: who recovered
 * an account may be the one whom its owner has to keep out.
 */
const DEEDS = {
  /** Look at a request, without its arguments. */
  see_request: { right: "see_requests", asks: "nothing" },
  /** Approve or deny. Who does not see the arguments does not decide, either way. */
  decide: { right: "decide", asks: "no_hold" },
  /** Take an approval back before it ran; whose it may be, the operation says. */
  revoke_approval: { right: "see_requests", asks: "nothing" },
  /** Throw a kill switch: of the org, a tool or an agent. */
  stop: { right: "kill_switch_on", asks: "nothing" },
  release: { right: "kill_switch_off", asks: "passkey" },
  /** Change rules, tools, tenants, resources, agents, settings so that nothing more is let through. */
  configure: { right: "configure", asks: "no_hold" },
  /** Change one of these so that more is let through, or give a machine a secret. */
  loosen: { right: "configure", asks: "passkey" },
  loosen_settings: { right: "widen_settings", asks: "passkey" },
  make_approver_key: { right: "make_approver_keys", asks: "passkey" },
  rotate_log_key: { right: "configure", asks: "passkey" },
  accept_clock: { right: "accept_clock", asks: "passkey" },
  change_team: { right: "manage_members", asks: "passkey" },
  withdraw_invitation: { right: "manage_members", asks: "no_hold" },
  confirm_recovery: { right: "confirm_recovery", asks: "passkey" },
  /** End what a program may do for another member. */
  end_connection: { right: "manage_members", asks: "passkey" },
  delete_org: { right: "delete_org", asks: "passkey" },
  /** What must hold before the owner is asked to type its name. */
  begin_delete_org: { right: "delete_org", asks: "no_hold" },
  /** Read what the log keeps private. */
  read_private: { right: "export_private", asks: "passkey" },
  /** Read on, in an answer that began under a passkey. */
  read_private_on: { right: "export_private", asks: "no_hold" },
  /** Have one's own sample agent do something. */
  try_sample: { right: "configure", asks: "no_hold" },
  /** Say which alerts one wants; stop those to a browser. */
  choose_alerts: { right: "see_requests", asks: "nothing" },
  /** Have alerts go to one more browser: it would go on hearing of requests after the session. */
  add_browser: { right: "see_requests", asks: "passkey" },
} as const satisfies Readonly<Record<string, { readonly right: Right; readonly asks: Asks }>>;

type Deed = keyof typeof DEEDS;

type Under<A extends Asks> = {
  [D in Deed]: (typeof DEEDS)[D]["asks"] extends A ? D : never;
}[Deed];

/** Callers of whom something was demanded in the plan that they were made for. */
const demanded = new WeakSet<Caller>();

/**
 * Asks of a member what a deed demands: the right first, whatever the surface asked before. Of a key
 * it asks nothing, which has its tier.
 * @param what what needs the passkey, beginning a sentence such as "Making a key"
 * @throws {Refusal} role_required, recovery_held, fresh_assertion_required
 */
export function demand(caller: Caller, deed: Under<"passkey">, what: string): void;

export function demand(caller: Caller, deed: Under<"nothing" | "no_hold">): void;

export function demand(caller: Caller, deed: Deed, what = ""): void {
  if (caller.type !== "member") return;
  const { right, asks } = DEEDS[deed];
  demanded.add(caller);
  requireRight(caller, right);
  if (asks !== "nothing") requireUnheld(caller);
  if (asks === "passkey") requireFresh(caller, what);
}

/** Fails where a member's plan wrote something and no deed was named. */
function assertDemanded(caller: MemberCaller): void {
  if (demanded.has(caller)) return;
  throw new Error("A member's operation writes without naming its deed in `member_demands.ts`");
}

/** @throws {Refusal} role_required */
export function requireRight(caller: MemberCaller, right: Right): void {
  if (!hasRight(caller.role, right)) {
    throw new Refusal("role_required", { role: caller.role, right });
  }
}

/** Requires that no recovery keeps the member from ruling others. @throws {Refusal} recovery_held */
export function requireUnheld({ held_until }: Pick<MemberCaller, "held_until">): void {
  if (held_until === null) return;
  throw new Refusal("recovery_held", { until: new Date(held_until).toISOString() });
}

function requireFresh(caller: MemberCaller, what: string): void {
  if (!caller.fresh) throw new Refusal("fresh_assertion_required", { what });
}

interface KillSwitch {
  readonly active: boolean;
}

/**
 * Checks a change of a kill switch, of the org, a tool or an agent. Every member who may decide, and
 * every management key, may stop; only an owner lets go on, under a fresh assertion. A key does so
 * until an owner has a passkey: a stolen one must not undo what a person stopped.
 * @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required
 */
export function assertKillSwitch(
  snapshot: Snapshot,
  caller: Caller,
  old: KillSwitch,
  next: KillSwitch,
): void {
  if (!old.active && next.active) demand(caller, "stop");
  if (!old.active || next.active) return;
  const what = "Releasing a kill switch";
  demand(caller, "release", what);
  if (caller.type !== "member" && ownerEnrolled(snapshot)) {
    throw new Refusal("owner_required", { what });
  }
}
