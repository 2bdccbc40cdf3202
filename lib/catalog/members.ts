import type { CallerOperation } from "../identity/caller_operation.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { invalidRequest, Refusal } from "../refusals/refusal.ts";
import { memberKey } from "../store/keys.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { type RecordChange, writeChange, type Written } from "./record_change.ts";

/** Roles that a key may give: who rules the org is for an owner in the dashboard. */
export const KEY_GIVEN_ROLES = ["approver", "viewer"] as const;

/** A member as a key may ask for one. */
export interface MemberFields {
  readonly role: typeof KEY_GIVEN_ROLES[number];
  readonly groups: MemberRecord["groups"];
}

/**
 * Makes a person a member, or changes role and groups of one. They can sign in only by invitation.
 * @param email in lower case
 * @throws {Refusal} owner_required for an owner or admin; invalid_request for a viewer with groups
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
      const old = transaction.snapshot.members.get(email) ?? null;
      assertNoRuler(old);
      const next: MemberRecord = {
        ...(old ?? {
          id: transaction.id("usr"),
          email,
          has_passkey: false,
          created_at: transaction.at,
        }),
        role,
        groups: [...groups].sort(),
      };
      writeChange(transaction, { caller, request_id }, memberChange(caller.org, old, next));
      return {
        record: next,
        created: old === null,
        policy_version: transaction.policyVersion,
      };
    },
  };
}

/** Ends a membership. @throws {Refusal} not_found; owner_required for an owner or admin */
export function removeMember(
  email: string,
  request_id: string,
): CallerOperation<void, Written<MemberRecord>> {
  return {
    plan(transaction, caller) {
      const record = existingMember(transaction, email);
      assertNoRuler(record);
      writeChange(transaction, { caller, request_id }, memberChange(caller.org, record, null));
      return { record, created: false, policy_version: transaction.policyVersion };
    },
  };
}

/** The member with this address in the transaction's org. @throws {Refusal} not_found */
export function existingMember({ snapshot }: Transaction, email: string): MemberRecord {
  const record = snapshot.members.get(email);
  if (record === undefined) throw new Refusal("not_found", { what: `member ${email}` });
  return record;
}

function assertNoRuler(member: MemberRecord | null): void {
  if (member?.role === "owner" || member?.role === "admin") {
    throw new Refusal("owner_required", { what: `Changing an ${member.role}` });
  }
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
