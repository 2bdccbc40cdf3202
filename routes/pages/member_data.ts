import { z } from "zod";
import { levelsOf } from "../../lib/approvals/deciders.ts";
import { assertOwnerStays } from "../../lib/catalog/last_owner.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import { existingMember } from "../../lib/people/members.ts";
import { listInvitations } from "../../lib/people/open_invitation.ts";
import { hasRight, mayGrant } from "../../lib/policy/rights.ts";
import type { Snapshot } from "../../lib/policy/snapshot.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { MemberCall } from "../dashboard/browser_call.ts";
import { emailInPath } from "./team_fields.ts";

export const byEmail = z.object({ email: emailInPath });

export type Call = MemberCall<z.output<typeof byEmail>>;

/** Names of machines that are listed; the rest is counted. */
const MACHINES_SHOWN = 20;

/** What the page of a member shows. */
export type MemberData = Awaited<ReturnType<typeof loadMember>>;

/** Reads what the page of a member shows. @throws {Refusal} not_found */
export async function loadMember(call: Call) {
  const { params: { email }, caller, services } = call;
  const { snapshot, member } = await call.transact({
    plan: (transaction) => ({
      snapshot: transaction.snapshot,
      member: existingMember(transaction, email),
    }),
  });
  const invitations = await listInvitations(services, snapshot);
  const isOwn = member.id === caller.id;
  return {
    member,
    isOwn,
    invitation: invitations.find((one) => one.email === email) ?? null,
    levels: levelsOf(member, snapshot.members),
    machines: machinesOf(snapshot, member),
    isLastOwner: isLastOwner(snapshot, member),
    own: caller.role,
    mayRule: mayGrant(caller.role, member.role),
    mayConfirm: hasRight(caller.role, "confirm_recovery") && !isOwn && caller.held_until === null,
  };
}

/** What a form that changes a member was made from. */
export function memberState({ role, groups }: MemberRecord): JsonObject {
  return { role, groups: [...groups] };
}

function isLastOwner(snapshot: Snapshot, member: MemberRecord): boolean {
  try {
    assertOwnerStays(snapshot, member, null);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.code === "last_owner") return true;
    throw error;
  }
}

/** Names of the agents and keys that a member answers for. */
function machinesOf({ agents, apiKeys }: Snapshot, { id }: MemberRecord): string[] {
  const names = [...agents.values(), ...apiKeys.values()]
    .filter(({ members_behind }) => members_behind.includes(id))
    .map(({ name }) => name);
  const more = names.length - MACHINES_SHOWN;
  return more > 0 ? [...names.slice(0, MACHINES_SHOWN), `and ${more} more`] : names;
}
