import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { z } from "zod";
import type { Client } from "../identity/caller.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { isOver } from "../ledger/clock.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { invitationPointerKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import {
  invitationData,
  invitationPointer,
  type InvitationRecord,
} from "../store/records/people.ts";
import type { Handout } from "./ceremonies.ts";
import type { CodeSent } from "./email_codes.ts";
import type { FirstEntered, GivenPasskey } from "./enrolment.ts";
import {
  endInvitation,
  invitedMember,
  isStoodBehind,
  type LoadedInvitation,
  loadFollowed,
} from "./invitations.ts";
import {
  acceptLink,
  confirmLinkCode,
  finishLink,
  type FollowedLink,
  type LinkedSeat,
  linkHash,
  sendLinkCode,
} from "./links.ts";

/**
 * How somebody who was invited comes in. An invitation counts for its address alone, while whoever
 * made it stands behind it, and until it was accepted, withdrawn or made anew.
 */

/** What an invitation is to, for whoever has its link. */
export interface SeenInvitation extends Pick<MemberRecord, "email" | "role"> {
  readonly org: string;
  /** Name of the org. */
  readonly organization: string;
  /** The address of whoever invited; null when they are no member any more. */
  readonly invited_by: string | null;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
}

/** An invitation that counts at this moment, and the membership it is about. */
interface Open extends Pick<InvitationRecord, "hash" | "email"> {
  readonly invitation: InvitationRecord;
  readonly member: MemberRecord;
}

/** What an invitation is to. @throws {Refusal} link_not_valid */
export async function seeInvitation(services: Services, link: string): Promise<SeenInvitation> {
  const { org, load, open } = await findInvitation(services, link);
  return await services.ledgers.transact(org, {
    load,
    plan(transaction, loaded) {
      const { invitation, member } = open(transaction, loaded);
      const { snapshot } = transaction;
      const inviter = [...snapshot.members.values()].find(({ id }) => id === invitation.invited_by);
      return {
        org,
        organization: snapshot.org.name,
        email: member.email,
        role: member.role,
        invited_by: inviter?.email ?? null,
        expires_at: invitation.expires_at,
      };
    },
  });
}

/**
 * Sends a code to the address of an invitation.
 * @throws {Refusal} link_not_valid, too_many_codes
 */
export function sendInvitationCode(
  services: Services,
  { link, flow }: FollowedLink,
  client: Client,
): Promise<CodeSent> {
  return sendLinkCode(services, flow, client, async () => {
    const found = await findInvitation(services, link);
    const { email, hash } = found;
    const data: z.infer<typeof invitationData> = { invitation: hash };
    return { ...found, asked: () => ({ email, data }) };
  });
}

/**
 * Takes the code, and asks for the passkey that it opens.
 * @throws {Refusal} link_not_valid, code_not_accepted, too_many_codes
 */
export function confirmInvitationCode(
  services: Services,
  { link, ...given }: FollowedLink & { readonly code: string },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  return confirmLinkCode(services, given, client, () => findInvitation(services, link));
}

/**
 * Takes the first passkey of somebody who was invited: account, membership, session and recovery
 * codes are one commit.
 * @throws {Refusal} link_not_valid, assertion_not_accepted
 */
export function finishInvitation(
  services: Services,
  { link, ...given }: FollowedLink & GivenPasskey,
  client: Client,
): Promise<FirstEntered> {
  return finishLink(services, given, client, () => findInvitation(services, link));
}

/**
 * Accepts an invitation for somebody who is signed in. No code: their passkey has shown who they are.
 * @throws {Refusal} session_ended, link_not_valid
 */
export function acceptInvitation(
  services: Services,
  session: PresentedSession,
  link: string,
  client: Client,
): Promise<{ readonly org: string }> {
  return acceptLink(services, session, client, () => findInvitation(services, link));
}

/** The membership that the link of an invitation leads to. */
interface InvitedSeat extends LinkedSeat<LoadedInvitation, Open> {
  readonly hash: string;
  readonly email: string;
}

/** Finds where a link leads. @throws {Refusal} link_not_valid */
async function findInvitation({ deps }: Services, link: string): Promise<InvitedSeat> {
  const hash = linkHash(link);
  if (hash === null) throw new Refusal("link_not_valid", { why: "ended" });
  const key = invitationPointerKey(hash);
  const pointer = await readRecord(deps.kv, key, invitationPointer);
  if (pointer === null) throw new Refusal("link_not_valid", { why: "ended" });
  const { org, email } = pointer.value;
  return {
    by: "invitation",
    org,
    hash,
    email,
    load: (reader) => loadFollowed(reader, email),
    open(transaction, { invitation, inviter }) {
      const { snapshot } = transaction;
      const member = invitedMember(snapshot, invitation);
      const counts = invitation !== null && invitation.hash === hash && member !== null &&
        !isOver(invitation.expires_at, invitation.created_at, transaction) &&
        isStoodBehind(snapshot, invitation, member, inviter);
      if (!counts) throw new Refusal("link_not_valid", { why: "ended" });
      return { hash, email, invitation, member };
    },
    take(transaction, { invitation, member }) {
      endInvitation(transaction, invitation);
      return member;
    },
  };
}
