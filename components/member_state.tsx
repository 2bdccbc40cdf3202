import type { MemberRecord } from "../lib/store/records/identity.ts";
import { Badge } from "./badge.tsx";
import { StatusBadge } from "./badges.tsx";

export interface MemberStateProps {
  readonly member: MemberRecord;
  /** The invitation that they have not accepted yet; null when there is none. */
  readonly invitation: { readonly expired: boolean } | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Whether a member can sign in, and whether a recovery holds them. */
export function MemberState({ member, invitation, now }: MemberStateProps) {
  return (
    <span class="badges">
      <Entry member={member} invitation={invitation} />
      {isHeld(member, now) && <Badge tone="warning" icon="hourglass">On hold</Badge>}
    </span>
  );
}

/** Whether a recovery keeps a member from ruling others. */
export function isHeld({ held_until }: MemberRecord, now: number): boolean {
  return held_until !== null && held_until > now;
}

function Entry({ member, invitation }: Omit<MemberStateProps, "now">) {
  if (member.account !== null) {
    return member.has_passkey
      ? <Badge tone="success" icon="passkey">Passkey</Badge>
      : <Badge tone="warning" icon="warning">No passkey</Badge>;
  }
  if (invitation === null) return <Badge>Not invited yet</Badge>;
  return invitation.expired
    ? <Badge tone="warning" icon="clock">Invitation expired</Badge>
    : <StatusBadge status="invited" />;
}
