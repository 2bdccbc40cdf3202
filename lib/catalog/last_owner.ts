import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import type { MemberRecord } from "../store/records/identity.ts";

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
