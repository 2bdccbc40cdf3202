import { pagePath } from "../base/page_path.ts";
import { personWords } from "../base/person.ts";
import { asMember, type MemberOperation } from "../identity/acting.ts";
import { actorOf, type Client, type MemberCaller } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { demand } from "../identity/deeds.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { mayGrant } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  invitationKey,
  invitationPointerKey,
  invitationPrefix,
} from "../store/keys.ts";
import { listRecords, readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import {
  type AccountRecord,
  accountRecord,
  type InvitationRecord,
  invitationRecord,
} from "../store/records/people.ts";
import { typedAddress } from "./email_codes.ts";
import { NOTHING_LEFT } from "./left_behind.ts";
import { invitationLetter } from "./letters.ts";
import { makeLinkSecret } from "./links.ts";
import { endMembership, putMember, requireGrant } from "./members.ts";

/**
 * Invitations as a team makes and ends them. The link goes out once and is kept as a hash; an
 * invitation is as good as whoever made it, at the moment that it is accepted.
 */

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
  const link = new URL(pagePath("/invitation/:link", { link: secret }), settings.url).href;
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

/** How long an invitation counts, milliseconds. */
export const INVITATION_MS = 7 * 24 * 60 * 60 * 1000;

/** An invitation that nobody has accepted yet. */
export interface PendingInvitation
  extends
    Pick<InvitationRecord, "id" | "email" | "member" | "created_at" | "expires_at">,
    Pick<MemberRecord, "role" | "groups"> {
  /** The member who invited. */
  readonly invited_by: string;
  readonly expired: boolean;
  /** Whether whoever invited stands behind it still; if not, it is void. */
  readonly stands: boolean;
}

/** An invitation whose link is to go out. */
interface SentInvitation {
  readonly secret: string;
  readonly record: InvitationRecord;
  readonly organization: string;
  readonly role: MemberRecord["role"];
  readonly invited_by: string;
}

/** The invitations of an org that nobody has accepted yet, by address. */
export async function listInvitations(
  { deps }: Pick<Services, "deps">,
  snapshot: Snapshot,
): Promise<PendingInvitation[]> {
  const prefix = [...invitationPrefix(snapshot.orgId)];
  const pending: PendingInvitation[] = [];
  for await (const { value } of listRecords(deps.kv, { prefix }, invitationRecord)) {
    const member = invitedMember(snapshot, value);
    if (member === null) continue;
    const { id, email, invited_by, created_at, expires_at } = value;
    const account = inviterOf(snapshot, value)?.account ?? "";
    const inviter = (await readRecord(deps.kv, accountKey(account), accountRecord))?.value ?? null;
    pending.push({
      id,
      email,
      member: member.id,
      role: member.role,
      groups: member.groups,
      invited_by,
      created_at,
      expires_at,
      expired: expires_at <= deps.now(),
      stands: isStoodBehind(snapshot, value, member, inviter),
    });
  }
  return pending;
}

/** The open invitation of an address to the reader's org; the commit checks that it stays. */
async function loadInvitation(
  reader: Reader,
  email: string,
): Promise<InvitationRecord | null> {
  const key = invitationKey(reader.snapshot.orgId, email);
  return (await reader.get(key, invitationRecord))?.value ?? null;
}

/** The membership that an invitation is about; null when it went, or is somebody's already. */
export function invitedMember(
  snapshot: Snapshot,
  invitation: InvitationRecord | null,
): MemberRecord | null {
  if (invitation === null || !snapshot.exists) return null;
  const member = snapshot.members.get(invitation.email);
  const waits = member?.id === invitation.member && member.account === null;
  return waits ? member : null;
}

/** An invitation as it was read, with the account of whoever made it. */
export interface LoadedInvitation {
  readonly invitation: InvitationRecord | null;
  readonly inviter: AccountRecord | null;
}

/** The open invitation of an address, and whether somebody stands behind it. */
export async function loadFollowed(reader: Reader, email: string): Promise<LoadedInvitation> {
  const invitation = await loadInvitation(reader, email);
  const account = inviterOf(reader.snapshot, invitation)?.account ?? "";
  // Without a check: a recovery at this moment comes after, and finds the member who came in.
  const inviter = await reader.peek(accountKey(account), accountRecord);
  return { invitation, inviter: inviter?.value ?? null };
}

/**
 * Whether somebody stands behind an invitation: whoever made it may give that role still, and has not
 * recovered their account since. A thief in their name may have made it before.
 */
export function isStoodBehind(
  snapshot: Snapshot,
  invitation: InvitationRecord,
  { role }: Pick<MemberRecord, "role">,
  inviter: AccountRecord | null,
): boolean {
  const member = inviterOf(snapshot, invitation);
  if (member === undefined || inviter === null || !mayGrant(member.role, role)) return false;
  return inviter.recovered_at === null || inviter.recovered_at < invitation.created_at;
}

function inviterOf(
  { members }: Snapshot,
  invitation: InvitationRecord | null,
): MemberRecord | undefined {
  return members.values().find(({ id }) => id === invitation?.invited_by);
}

/** Ends an invitation, in the commit of what ends it. */
export function endInvitation(transaction: Transaction, { email, hash }: InvitationRecord): void {
  transaction.delete(invitationKey(transaction.snapshot.orgId, email));
  transaction.delete(invitationPointerKey(hash));
}

/** Stores an invitation under a new secret, in place of the open one. */
function storeInvitation(
  transaction: Transaction,
  caller: MemberCaller,
  { member, open, made }: {
    readonly member: MemberRecord;
    readonly open: InvitationRecord | null;
    readonly made: boolean;
  },
  client: Client,
): SentInvitation {
  const { at, now, deps, snapshot } = transaction;
  const old = open?.member === member.id ? open : null;
  if (open !== null) endInvitation(transaction, open);
  const secret = makeLinkSecret(deps.random);
  const record: InvitationRecord = {
    id: old?.id ?? transaction.id("inv"),
    hash: secretHash(secret),
    email: member.email,
    member: member.id,
    made_member: made || (old?.made_member ?? false),
    invited_by: caller.id,
    created_at: at,
    expires_at: now + INVITATION_MS,
  };
  const { hash, email } = record;
  const org = snapshot.orgId;
  transaction.set(invitationKey(org, email), record);
  transaction.set(invitationPointerKey(hash), { org, email }, { expireIn: INVITATION_MS });
  transaction.append({
    type: "member.invited",
    actor: actorOf(caller),
    subject: { member: member.id },
    data: {
      invitation: record.id,
      role: member.role,
      groups: [...member.groups],
      again: old !== null,
      expires_at: new Date(record.expires_at).toISOString(),
      request_id: client.request_id,
    },
    private: { email },
  });
  const { role } = member;
  const inviter = snapshot.members.get(caller.email) ?? { email: caller.email, name: null };
  const invited_by = personWords(inviter);
  return { secret, record, organization: snapshot.org.name, role, invited_by };
}
