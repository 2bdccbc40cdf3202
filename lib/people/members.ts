import { isTakenForAnother, personNameProblem } from "../base/person.ts";
import { type RecordChange, writeChange, type Written } from "../catalog/record_change.ts";
import type { CallerOperation, MemberOperation } from "../identity/acting.ts";
import { actorOf, type Caller, type MemberCaller } from "../identity/caller.ts";
import { demand, requireRight } from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { mayGrant, type Role } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import { accountKey, memberKey } from "../store/keys.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { type AccountRecord, accountRecord } from "../store/records/people.ts";
import {
  endLeftInOrg,
  ERASED_AFTER_MS,
  leaveOrg,
  type LeftByAccount,
  loadLeft,
  NOTHING_LEFT,
} from "./left_behind.ts";
import { newMember } from "./membership.ts";

/**
 * Who is a member, as which role and of which groups; who may say so; and how a membership ends.
 * An org never comes to be without an owner who can sign in.
 */

/** Roles that a key may give: who rules the org is for its members to say. */
export const KEY_GIVEN_ROLES = ["approver", "viewer"] as const satisfies readonly Role[];

/** What makes a member one who may do more or less. */
export type MemberFields = Pick<MemberRecord, "role" | "groups">;

/**
 * Makes a person a member, or changes role and groups of one. They can sign in only by invitation.
 * @param email in lower case
 * @throws {Refusal} owner_required of a key for an owner or admin; role_required of a member for a
 *   role above their own, recovery_held, fresh_assertion_required; last_owner; invalid_request for a
 *   viewer with groups
 */
export function putMember(
  email: string,
  { role, groups }: MemberFields,
  request_id: string,
): CallerOperation<void, Written<MemberRecord>> {
  if (role === "viewer" && groups.length > 0) {
    throw invalidRequest("/groups", "must be empty for a viewer, who does not decide");
  }
  return {
    plan(transaction, caller) {
      const { snapshot } = transaction;
      const old = snapshot.members.get(email) ?? null;
      assertMayRule(caller, old === null ? [role] : [old.role, role]);
      const next: MemberRecord = {
        ...(old ?? newMember(transaction, { email, role, groups })),
        role,
        groups: [...groups].sort(),
      };
      if (old !== null) assertOwnerStays(snapshot, old, next);
      writeChange(transaction, { caller, request_id }, memberChange(caller.org, old, next));
      return {
        record: next,
        created: old === null,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

/**
 * Ends a membership: the person's next click in this org is refused, on every node. What MCP
 * clients did for them ends with it. Keys and agents that they made stay, and go on saying who was
 * behind them.
 * @throws {Refusal} not_found; owner_required of a key for an owner or admin; role_required of a
 *   member for a role above their own, recovery_held, fresh_assertion_required; last_owner
 */
export function removeMember(
  email: string,
  request_id: string,
): CallerOperation<Leaving, Written<MemberRecord>> {
  return {
    async load(reader) {
      const account = await loadAccountBehind(reader, reader.snapshot.members.get(email));
      const left = account === null ? NOTHING_LEFT : await loadLeft(reader.kv, account.id);
      return { account, left };
    },
    plan(transaction, caller, leaving) {
      const record = existingMember(transaction, email);
      assertMayRule(caller, [record.role]);
      endMembership(transaction, caller, { record, ...leaving, request_id });
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

type Leaving = Pick<EndingMembership, "account" | "left">;

/** A membership that ends, and the account that it was accepted by. */
interface EndingMembership {
  readonly record: MemberRecord;
  readonly account: AccountRecord | null;
  /** What goes with the last of the account's memberships. */
  readonly left: LeftByAccount;
  readonly request_id: string;
}

/** Ends a membership, in the commit of what ends it. @throws {Refusal} last_owner */
export function endMembership(
  transaction: Transaction,
  caller: Caller,
  { record, account, left, request_id }: EndingMembership,
): void {
  const { orgId } = transaction.snapshot;
  assertOwnerStays(transaction.snapshot, record, null);
  writeChange(transaction, { caller, request_id }, memberChange(orgId, record, null));
  const because = "membership_ended" as const;
  endLeftInOrg(transaction, record, { because, actor: actorOf(caller), request_id });
  // What changed in the policy is told to other nodes by rows that name the address.
  const at = transaction.now + ERASED_AFTER_MS;
  schedule(transaction, { kind: "member_forgotten", at, id: record.id });
  if (account !== null) leaveOrg(transaction, account, left);
}

/** The account behind a membership, to be checked by the commit; null where there is none yet. */
export async function loadAccountBehind(
  reader: Reader,
  member: MemberRecord | undefined,
): Promise<AccountRecord | null> {
  const account = member?.account ?? null;
  if (account === null) return null;
  return (await reader.get(accountKey(account), accountRecord))?.value ?? null;
}

/**
 * Another owner confirms that it was the member who recovered their account: they may rule again at
 * once. Who is on hold confirms nobody, so not themself either.
 * @throws {Refusal} not_found, role_required, recovery_held, fresh_assertion_required
 */
export function confirmRecovery(
  id: string,
  request_id: string,
): MemberOperation<void, Written<MemberRecord>> {
  return {
    plan(transaction, caller) {
      demand(caller, "confirm_recovery", "Confirming a recovery");
      const old = transaction.snapshot.members.values().find((member) => member.id === id);
      if (old === undefined) throw new Refusal("not_found", { what: `member ${id}` });
      const record: MemberRecord = { ...old, held_until: null };
      if (old.held_until !== null && old.held_until > transaction.now) {
        transaction.setPolicy(memberKey(caller.org, old.email), record);
        transaction.append({
          type: "recovery.confirmed",
          actor: { type: "member", id: caller.id },
          subject: { member: id },
          data: { held_until: new Date(old.held_until).toISOString(), request_id },
          private: { email: old.email },
        });
      }
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Sets what the caller calls themself in this org; null for nothing but the address.
 * @throws {Refusal} invalid_request for what is no name, or looks like another member's;
 *   role_required, recovery_held, fresh_assertion_required
 */
export function nameOneself(
  name: string | null,
  request_id: string,
): MemberOperation<void, MemberRecord> {
  return {
    plan(transaction, caller) {
      demand(caller, "name_oneself", "Changing your name");
      const { members } = transaction.snapshot;
      const old = existingMember(transaction, caller.email);
      const others = members.values().filter(({ id }) => id !== old.id);
      const problem = name === null
        ? null
        : personNameProblem(name) ?? (isTakenForAnother(name, others)
          ? "looks like the name or the address of another member; add what tells you apart"
          : null);
      if (problem !== null) throw invalidRequest("/name", problem);
      if (name === old.name) return old;
      const record: MemberRecord = { ...old, name };
      transaction.setPolicy(memberKey(caller.org, old.email), record);
      transaction.append({
        type: "member.named",
        actor: actorOf(caller),
        subject: { member: old.id },
        data: { policy_version: transaction.policyVersion, request_id },
        private: { email: old.email, ...(name === null ? {} : { name }) },
      });
      return record;
    },
  };
}

/** The member with this address in the transaction's org. @throws {Refusal} not_found */
export function existingMember({ snapshot }: Transaction, email: string): MemberRecord {
  const record = snapshot.members.get(email);
  if (record === undefined) throw new Refusal("not_found", { what: `member ${email}` });
  return record;
}

/** Nobody gives or takes a role above their own. @throws {Refusal} role_required */
export function requireGrant(caller: MemberCaller, roles: readonly Role[]): void {
  requireRight(caller, "manage_members");
  if (roles.every((role) => mayGrant(caller.role, role))) return;
  throw new Refusal("role_required", { role: caller.role, right: "manage_members" });
}

/** Asks of whoever changes a member what that needs; `roles` are those given and taken. */
function assertMayRule(caller: Caller, roles: readonly Role[]): void {
  if (caller.type === "member") {
    requireGrant(caller, roles);
    demand(caller, "change_team", "Changing the team");
    return;
  }
  const ruler = roles.find((role) => role === "owner" || role === "admin");
  if (ruler !== undefined) throw new Refusal("owner_required", { what: `Changing an ${ruler}` });
}

function memberChange(
  org: string,
  old: MemberRecord | null,
  next: MemberRecord | null,
): RecordChange {
  const { id = "", email = "" } = old ?? next ?? {};
  return {
    noun: "member",
    key: memberKey(org, email),
    subject: { member: id },
    old,
    next,
    fields: ["role", "groups"],
    private: { email },
  };
}

/**
 * Requires that a change of one member leaves the org an owner who can sign in, where it has one:
 * without, nobody could ever rule it again.
 * @param next null when the membership ends
 * @throws {Refusal} last_owner
 */
export function assertOwnerStays(
  { members, org }: Snapshot,
  old: MemberRecord,
  next: MemberRecord | null,
): void {
  if (!rules(old) || (next !== null && rules(next))) return;
  for (const member of members.values()) {
    if (member.id !== old.id && rules(member)) return;
  }
  throw new Refusal("last_owner", { organization: org.name });
}

function rules({ role, account, has_passkey }: MemberRecord): boolean {
  return role === "owner" && account !== null && has_passkey;
}
