import type { Snapshot } from "../policy/snapshot.ts";

/**
 * Whether some owner of the org has a passkey. From then on people rule it under their passkeys,
 * and a key alone may no longer do what widens most.
 */
export function ownerEnrolled({ members }: Pick<Snapshot, "members">): boolean {
  for (const member of members.values()) {
    if (member.role === "owner" && member.has_passkey) return true;
  }
  return false;
}
