import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import { asAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { isOver } from "../ledger/clock.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { invitationPointerKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import {
  invitationData,
  invitationPointer,
  type InvitationRecord,
} from "../store/records/people.ts";
import { flowBound, type Handout } from "./ceremonies.ts";
import {
  askCode,
  type CodeSent,
  counted,
  type FollowedLink,
  loadCode,
  loadCodeLimit,
  tryCode,
} from "./email_codes.ts";
import {
  type FirstEntered,
  type GivenPasskey,
  handOutEnrolment,
  loadAccountOf,
  loadEnrolment,
  openAccount,
  takeEnrolment,
} from "./enrolment.ts";
import {
  endInvitation,
  invitedMember,
  isStoodBehind,
  type LoadedInvitation,
  loadFollowed,
} from "./invitations.ts";
import { codeLetter, post, signInLetter } from "./letters.ts";
import { linkHash } from "./links.ts";
import { acceptMembership, joinOrg, passkeysInOrg } from "./membership.ts";

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

/** Where a link leads, before it is known whether it still counts. */
interface Found {
  readonly hash: string;
  readonly org: string;
  readonly email: string;
}

/** An invitation that counts at this moment, and the membership it is about. */
interface Open {
  readonly invitation: InvitationRecord;
  readonly member: MemberRecord;
}

/** What an invitation is to. @throws {Refusal} link_not_valid */
export async function seeInvitation(services: Services, link: string): Promise<SeenInvitation> {
  const found = await findInvitation(services, link);
  return await services.ledgers.transact(found.org, {
    load: (reader) => loadFollowed(reader, found.email),
    plan(transaction, loaded) {
      const { invitation, member } = openInvitation(transaction, loaded, found);
      const { snapshot } = transaction;
      const inviter = [...snapshot.members.values()].find(({ id }) => id === invitation.invited_by);
      return {
        org: found.org,
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
 * Sends a code to the address of an invitation. The answer does not tell whether the address has an
 * account: who has one is told by mail to sign in instead, and gets no code.
 * @throws {Refusal} link_not_valid, too_many_codes
 */
export async function sendInvitationCode(
  services: Services,
  { link, flow }: FollowedLink,
  client: Client,
): Promise<CodeSent> {
  const { deps, ledgers, settings } = services;
  const { to, code, expires_at } = await counted(services, client, async () => {
    const found = await findInvitation(services, link);
    const { email: to, hash } = found;
    return await ledgers.transact(found.org, {
      load: async (reader) => ({
        followed: await loadFollowed(reader, to),
        account: await loadAccountOf(reader, to),
        limit: await loadCodeLimit(reader, to),
      }),
      plan(transaction, { followed, account, limit }) {
        openInvitation(transaction, followed, found);
        const question = { purpose: "enrolment", flow } as const;
        const data: z.infer<typeof invitationData> = { invitation: hash };
        return { to, ...askCode(transaction, question, limit, { data, counts: account === null }) };
      },
    });
  });
  const { origin } = settings.url;
  post(services, code === null ? signInLetter(to, origin) : codeLetter(to, code, origin));
  return { to, expires_at, mailed: deps.mail.configured };
}

/**
 * Takes the code, and asks for the passkey that it opens.
 * @throws {Refusal} link_not_valid, code_not_accepted, too_many_codes
 */
export async function confirmInvitationCode(
  services: Services,
  { link, flow, code }: FollowedLink & { readonly code: string },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { ledgers, settings } = services;
  return await counted(services, client, async () => {
    const found = await findInvitation(services, link);
    const { email, hash } = found;
    return await ledgers.transact(found.org, {
      load: async (reader) => ({
        followed: await loadFollowed(reader, email),
        loaded: await loadCode(reader, { purpose: "enrolment", flow }),
      }),
      plan(transaction, { followed, loaded }) {
        openInvitation(transaction, followed, found);
        if (!isFor(loaded.record, hash)) throw new Refusal("code_not_accepted", {});
        const right = tryCode(transaction, loaded, code);
        if (right instanceof RecordedRefusal) return right;
        const data: z.infer<typeof invitationData> = { invitation: hash };
        return handOutEnrolment(transaction, settings, {
          bound: flowBound(flow),
          account: { id: transaction.id("acc"), email },
          data,
          passkeys: [],
        });
      },
    });
  });
}

/**
 * Takes the first passkey of somebody who was invited: account, membership, session and recovery
 * codes are one commit.
 * @throws {Refusal} link_not_valid, assertion_not_accepted
 */
export async function finishInvitation(
  services: Services,
  { link, flow, nonce, response }: FollowedLink & GivenPasskey,
  client: Client,
): Promise<FirstEntered> {
  const { ledgers, settings } = services;
  return await counted(services, client, async () => {
    const found = await findInvitation(services, link);
    const { email, hash } = found;
    return await ledgers.transact(found.org, {
      load: async (reader) => ({
        followed: await loadFollowed(reader, email),
        enrolment: await loadEnrolment(reader, settings, { nonce, response }),
        account: await loadAccountOf(reader, email),
      }),
      plan(transaction, { followed, enrolment, account }) {
        const open = openInvitation(transaction, followed, found);
        const taken = takeEnrolment(transaction, enrolment, flowBound(flow));
        const { credential, ceremony } = taken;
        const id = ceremony.account;
        if (id === null || !isFor(ceremony, hash)) {
          throw new Refusal("link_not_valid", { why: "ended" });
        }
        // The first passkey only: an address that got an account meanwhile shows that it is theirs.
        if (account !== null) throw new Refusal("link_not_valid", { why: "sign_in_first" });
        endInvitation(transaction, open.invitation);
        const by = { account: id, by: "invitation" } as const;
        const member = acceptMembership(transaction, open.member, by, client);
        const opened = { account: id, email, credential, member };
        return {
          ...openAccount(transaction, settings, opened, client),
          cross_device: response.authenticatorAttachment === "cross-platform",
        };
      },
    });
  });
}

/**
 * Accepts an invitation for somebody who is signed in. No code: their passkey has shown who they are.
 * @throws {Refusal} session_ended, link_not_valid
 */
export async function acceptInvitation(
  services: Services,
  session: PresentedSession,
  link: string,
  client: Client,
): Promise<{ readonly org: string }> {
  const { deps, ledgers } = services;
  return await counted(services, client, async () => {
    const found = await findInvitation(services, link);
    const { org, email } = found;
    await ledgers.transact(
      org,
      asAccount(session, {
        load: async (reader, { account }) => ({
          followed: await loadFollowed(reader, email),
          passkeys: await passkeysInOrg(deps.kv, account.id, org),
        }),
        plan(transaction, caller, { followed, passkeys }) {
          const open = openInvitation(transaction, followed, found);
          if (caller.account.email !== email) {
            throw new Refusal("link_not_valid", { why: "other_account" });
          }
          endInvitation(transaction, open.invitation);
          const { member } = open;
          joinOrg(transaction, caller, { member, by: "invitation", passkeys }, client);
        },
      }),
    );
    return { org };
  });
}

/** Finds where a link leads. @throws {Refusal} link_not_valid */
async function findInvitation({ deps }: Services, link: string): Promise<Found> {
  const hash = linkHash(link);
  if (hash === null) throw new Refusal("link_not_valid", { why: "ended" });
  const key = invitationPointerKey(hash);
  const pointer = await readRecord(deps.kv, key, invitationPointer);
  if (pointer === null) throw new Refusal("link_not_valid", { why: "ended" });
  return { hash, ...pointer.value };
}

/** The invitation of a link, if it still counts. @throws {Refusal} link_not_valid */
function openInvitation(
  transaction: Transaction,
  { invitation, inviter }: LoadedInvitation,
  { hash }: Found,
): Open {
  const { snapshot } = transaction;
  const member = invitedMember(snapshot, invitation);
  const counts = invitation !== null && invitation.hash === hash && member !== null &&
    !isOver(invitation.expires_at, invitation.created_at, transaction) &&
    isStoodBehind(snapshot, invitation, member, inviter);
  if (!counts) throw new Refusal("link_not_valid", { why: "ended" });
  return { invitation, member };
}

/** Whether a code or ceremony was asked for by the link of this hash. */
function isFor(record: { readonly data: JsonObject | null } | null, hash: string): boolean {
  return invitationData.safeParse(record?.data).data?.invitation === hash;
}
