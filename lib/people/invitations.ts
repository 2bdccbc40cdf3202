import { demand } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import type { Client } from "../identity/client.ts";
import { asMember, type MemberOperation } from "../identity/member_operation.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import type { InvitationRecord } from "../store/records/invitations.ts";
import { NOTHING_LEFT } from "./left_behind.ts";
import { invitationLetter } from "./letters.ts";
import { endMembership, putMember, requireGrant } from "./members.ts";
import {
  endInvitation,
  invitedMember,
  loadInvitation,
  type SentInvitation,
  storeInvitation,
} from "./open_invitation.ts";
import { typedAddress } from "./typed.ts";

/** A membership as somebody is invited to it. */
export type InvitedFields = Pick<MemberRecord, "email" | "role" | "groups">;

/** An invitation that was made or made anew. Its link is known only now. */
export interface Invited {
  readonly link: string;
  readonly email: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
  /** Whether the link went out by mail; otherwise whoever invites hands it over. */
  readonly mailed: "yes" | "no_mail_server" | "failed";
}

/**
 * Invites an address into the org that the session looks at: the membership is made, or set to this
 * role and these groups, and waits for its person.
 * @throws {Refusal} fresh_assertion_required, recovery_held, role_required for a role above the own,
 *   invalid_request
 */
export async function invite(
  services: Services,
  session: PresentedSession,
  fields: InvitedFields,
  client: Client,
): Promise<Invited> {
  const email = typedAddress(fields.email);
  const put = putMember(email, fields, client.request_id);
  return await send(services, session, {
    load: (reader) => loadInvitation(reader, email),
    plan(transaction, caller, open) {
      const old = transaction.snapshot.members.get(email) ?? null;
      const { record: member, created: made } = put.plan(transaction, caller);
      if (old !== null && old.account !== null) {
        throw invalidRequest("/email", "is the address of a member already");
      }
      return storeInvitation(transaction, caller, { member, open, made }, client);
    },
  });
}

/**
 * Makes a new link for an open invitation; the one before is void at once.
 * @throws {Refusal} fresh_assertion_required, recovery_held, role_required, not_found
 */
export async function resendInvitation(
  services: Services,
  session: PresentedSession,
  email: string,
  client: Client,
): Promise<Invited> {
  return await send(services, session, {
    load: (reader) => loadInvitation(reader, email),
    plan(transaction, caller, open) {
      demand(caller, "change_team", "Inviting a member");
      const member = invitedMember(transaction.snapshot, open);
      if (member === null) throw new Refusal("not_found", { what: `invitation of ${email}` });
      requireGrant(caller, [member.role]);
      return storeInvitation(transaction, caller, { member, open, made: false }, client);
    },
  });
}

/**
 * Takes an invitation back. A membership that it made goes with it.
 * @throws {Refusal} role_required, recovery_held, not_found
 */
export async function withdrawInvitation(
  { ledgers }: Services,
  session: PresentedSession,
  email: string,
  client: Client,
): Promise<void> {
  const operation: MemberOperation<InvitationRecord | null, void> = {
    load: (reader) => loadInvitation(reader, email),
    plan(transaction, caller, open) {
      demand(caller, "withdraw_invitation");
      if (open === null) throw new Refusal("not_found", { what: `invitation of ${email}` });
      const member = invitedMember(transaction.snapshot, open);
      if (member !== null) requireGrant(caller, [member.role]);
      endInvitation(transaction, open);
      transaction.append({
        type: "invitation.withdrawn",
        actor: actorOf(caller),
        subject: { member: open.member },
        data: { invitation: open.id, request_id: client.request_id },
        private: { email },
      });
      if (member === null || !open.made_member) return;
      const { request_id } = client;
      const ending = { record: member, account: null, left: NOTHING_LEFT, request_id };
      endMembership(transaction, caller, ending);
    },
  };
  await ledgers.transact(orgOf(session), asMember(session, "manage_members", operation));
}

/** Runs what makes a link, and mails the link where there is a mail server. */
async function send(
  { deps, ledgers, settings }: Services,
  session: PresentedSession,
  operation: MemberOperation<InvitationRecord | null, SentInvitation>,
): Promise<Invited> {
  const member = asMember(session, "manage_members", operation);
  const { secret, record, ...letter } = await ledgers.transact(orgOf(session), member);
  const { email, expires_at } = record;
  const link = new URL(`/invitation/${secret}`, settings.url).href;
  const invited = { link, email, expires_at };
  if (!deps.mail.configured) return { ...invited, mailed: "no_mail_server" };
  try {
    await deps.mail.send(invitationLetter({ ...letter, to: email, link }));
    return { ...invited, mailed: "yes" };
  } catch (error) {
    deps.log("error", "An invitation was not mailed", { error: String(error) });
    return { ...invited, mailed: "failed" };
  }
}

function orgOf({ record }: PresentedSession): string {
  if (record.org === null) throw new Refusal("membership_ended", { organization: null });
  return record.org;
}
