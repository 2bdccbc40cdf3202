import { orgGuardsWiden } from "../guards/guards.ts";
import { factsWiden } from "../policy/facts.ts";
import { hasRight, type Right } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { guardsWiden } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import type { OrgRecord, ToolRecord } from "../store/records/policy.ts";
import { type Caller, type MemberCaller, ownerEnrolled } from "./caller.ts";

/**
 * What members may do: one table of deeds, each with the right that it needs and what else is asked
 * of the member. An operation names its deed (`demand`); one that writes for a member without
 * having named any is not committed.
 */

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
  /** End what a user lets an agent do: it only takes away. */
  revoke_mandate: { right: "kill_switch_on", asks: "no_hold" },
  /** End a token that an agent or a key handed on: the same. */
  revoke_sub_token: { right: "kill_switch_on", asks: "no_hold" },
  /** Change rules, tools, tenants, resources, agents, settings so that nothing more is let through. */
  configure: { right: "configure", asks: "no_hold" },
  /** Change one of these so that more is let through, or give a machine a secret. */
  loosen: { right: "configure", asks: "passkey" },
  /** Have what happens sent to somebody outside, or hand them what it is told true by. */
  send_outside: { right: "configure", asks: "passkey" },
  /** Put a secret of somebody else's service into the vault, for calls to go there with it. */
  keep_credential: { right: "configure", asks: "passkey" },
  /** Give a computer at a terminal a secret. Its own passkey answer is asked for, not a late one. */
  let_in: { right: "configure", asks: "no_hold" },
  /** Keep a secret of one's own for calls by one's own programs, and say for whom else it acts. */
  keep_own_credential: { right: "grant_write", asks: "passkey" },
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
  /** Say what one is called: colleagues read it where they decide whom to trust. */
  name_oneself: { right: "see_requests", asks: "passkey" },
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
export function assertDemanded(caller: MemberCaller): void {
  if (demanded.has(caller)) return;
  throw new Error("A member's operation writes without naming its deed in `lib/identity/deeds.ts`");
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

/**
 * Checks that a tool goes on requiring a mandate: that it does not any more is for an owner, under a
 * fresh assertion. A key may say so until an owner has a passkey.
 * @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required
 */
export function assertMandateRequired(
  snapshot: Snapshot,
  caller: Caller,
  old: { readonly requires_mandate: boolean },
  next: { readonly requires_mandate: boolean } | null,
): void {
  if (!old.requires_mandate || next?.requires_mandate) return;
  const what = "Opening a tool that requires a mandate";
  demand(caller, "loosen_settings", what);
  assertNoOwnerYet(snapshot, caller, what);
}

/**
 * Checks that a tool is guarded as it was: that it is guarded less is for a member, under a fresh
 * assertion. A key may say so until an owner has a passkey.
 * @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required
 */
export function assertGuarded(
  snapshot: Snapshot,
  caller: Caller,
  old: ToolRecord,
  next: ToolRecord | null,
): void {
  if (!guardsWiden(old, next, snapshot)) return;
  const what = "Loosening a guard";
  demand(caller, "loosen", what);
  assertNoOwnerYet(snapshot, caller, what);
}

/**
 * Checks that a tool's facts are read from its arguments where they were: that one is not, or from
 * another place, is for a member, under a fresh assertion. A key may say so until an owner has a passkey.
 * @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required
 */
export function assertFactsRead(
  snapshot: Snapshot,
  caller: Caller,
  old: ToolRecord,
  next: ToolRecord | null,
): void {
  if (!factsWiden(old, next)) return;
  const what = "Reading a fact no more, or from another place,";
  demand(caller, "loosen", what);
  assertNoOwnerYet(snapshot, caller, what);
}

/** The same of the guards of all tools. */
export function assertOrgGuarded(
  snapshot: Snapshot,
  caller: Caller,
  next: Pick<OrgRecord, "guards">,
): void {
  if (!orgGuardsWiden(snapshot.org, next)) return;
  const what = "Loosening a guard of the organization";
  demand(caller, "loosen_settings", what);
  assertNoOwnerYet(snapshot, caller, what);
}

/** What is for owners a key may do until one has a passkey. @throws {Refusal} owner_required */
function assertNoOwnerYet(snapshot: Snapshot, caller: Caller, what: string): void {
  if (caller.type !== "member" && ownerEnrolled(snapshot)) {
    throw new Refusal("owner_required", { what });
  }
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
  assertNoOwnerYet(snapshot, caller, what);
}
