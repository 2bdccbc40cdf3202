import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { timingSafeEqual } from "node:crypto";
import type { JsonObject } from "../base/json.ts";
import { asAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { linkedData } from "../store/records/people.ts";
import { flowBound, type Handout } from "./ceremonies.ts";
import {
  askCode,
  type CodeSent,
  counted,
  loadCode,
  loadCodeLimit,
  openCode,
  tryCode,
} from "./email_codes.ts";
import {
  type EnrolmentStep,
  type FirstEntered,
  type GivenPasskey,
  handOutEnrolment,
  loadAccountOf,
  loadEnrolment,
  openAccount,
  passkeyStep,
  takeEnrolment,
} from "./enrolment.ts";
import { codeLetter, post, signInLetter } from "./letters.ts";
import {
  type AcceptedBy,
  acceptMembership,
  assertRoomForOrg,
  joinOrg,
  passkeysInOrg,
} from "./membership.ts";

/**
 * Links that let somebody in, and the way by one to a first passkey. A code to the address shows that
 * it is theirs; it opens one ceremony, in the browser that asked; and the passkey, the account and the
 * membership are one commit, which uses the link up. Who has a passkey already takes the membership by
 * that, without a code. Each kind of link says for itself when it counts, and what it leads to.
 */

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** What makes a link nobody else's: 32 random bytes in base64url. */
export function makeLinkSecret(random: (bytes: number) => Uint8Array): string {
  return random(32).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What the store keeps of a link; null for text that cannot be of one. */
export function linkHash(secret: string): string | null {
  return SECRET.test(secret) ? secretHash(secret) : null;
}

/**
 * Whether a text is the secret of a link that is in force.
 * @param lifetime how long such a link counts, milliseconds
 */
export function opensLink<R extends { readonly hash: string; readonly expires_at: number }>(
  record: R | null,
  { link, lifetime, now }: {
    readonly link: string;
    readonly lifetime: number;
    readonly now: number;
  },
): record is R {
  const hash = linkHash(link);
  const bytes = (text: string) => new TextEncoder().encode(text);
  return record !== null && hash !== null && stillLasts(record.expires_at, lifetime, now) &&
    timingSafeEqual(bytes(hash), bytes(record.hash));
}

/** A link as a browser came by it. */
export interface FollowedLink {
  /** Its secret part. */
  readonly link: string;
  /** The secret of the browser's cookie from before sign-in. */
  readonly flow: string;
}

/** A link that counts at this moment. */
interface OpenLink {
  readonly hash: string;
  /** Whom it is for; null where its reader says so. */
  readonly email: string | null;
}

/** Where a link leads. Whether it counts is known in the commit only that goes by it. */
export interface LinkTarget<L, O extends OpenLink> {
  readonly by: AcceptedBy;
  /** Whose commit it is. */
  readonly org: string;
  readonly load: (reader: Reader) => Promise<L>;
  /** The link, if it counts at this moment. @throws {Refusal} link_not_valid */
  readonly open: (transaction: Transaction, loaded: L) => O;
}

/** The same with whom a code goes to. */
interface CodeTarget<L, O extends OpenLink> extends LinkTarget<L, O> {
  /** What is kept with the code, and then with the ceremony, names the hash of the link. */
  readonly asked: (loaded: L, now: number) => {
    readonly email: string;
    readonly data: JsonObject;
  };
}

/** The membership that a link leads to. */
export interface LinkedSeat<L, O extends OpenLink> extends LinkTarget<L, O> {
  /** Uses the link up, and gives the membership, which the same commit accepts. */
  readonly take: (transaction: Transaction, open: O, email: string) => MemberRecord;
}

/**
 * Sends a code to whom a link is for. The answer does not tell whether the address has an account:
 * who has one is told by mail to sign in instead, and gets no code.
 * @throws {Refusal} link_not_valid, too_many_codes; what the target refuses
 */
export async function sendLinkCode<L, O extends OpenLink>(
  services: Services,
  flow: string,
  client: Client,
  find: () => Promise<CodeTarget<L, O>> | CodeTarget<L, O>,
): Promise<CodeSent> {
  const { deps, ledgers, settings } = services;
  const { to, code, expires_at } = await counted(services, client, async () => {
    const target = await find();
    return await ledgers.transact(target.org, {
      async load(reader) {
        const link = await target.load(reader);
        const { email: to, data } = target.asked(link, reader.now);
        const account = await loadAccountOf(reader, to);
        return { link, to, data, account, limit: await loadCodeLimit(reader, to) };
      },
      plan(transaction, { link, to, data, account, limit }) {
        target.open(transaction, link);
        const question = { purpose: "enrolment", flow } as const;
        return { to, ...askCode(transaction, question, limit, { data, counts: account === null }) };
      },
    });
  });
  const { origin } = settings.url;
  post(services, code === null ? signInLetter(to, origin) : codeLetter(to, code, origin));
  return { to, expires_at, mailed: deps.mail.configured };
}

/**
 * Takes the code that was asked for by a link, and asks for the passkey that it opens.
 * @throws {Refusal} link_not_valid, code_not_accepted, too_many_codes
 */
export async function confirmLinkCode<L, O extends OpenLink>(
  services: Services,
  { flow, code }: { readonly flow: string; readonly code: string },
  client: Client,
  find: () => Promise<LinkTarget<L, O>> | LinkTarget<L, O>,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { ledgers, settings } = services;
  return await counted(services, client, async () => {
    const target = await find();
    return await ledgers.transact(target.org, {
      load: async (reader) => ({
        link: await target.load(reader),
        loaded: await loadCode(reader, { purpose: "enrolment", flow }),
      }),
      plan(transaction, { link, loaded }) {
        const { hash } = target.open(transaction, link);
        const isMeant = isAskedBy(loaded.record?.data ?? null, target.by, hash);
        if (!isMeant) throw new Refusal("code_not_accepted", {});
        const right = tryCode(transaction, loaded, code);
        if (right instanceof RecordedRefusal) return right;
        const { email, data } = right;
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
 * Takes the first passkey of whom a link let in: account, membership, session and recovery codes are
 * one commit.
 * @param find the seat, and the address that takes it
 * @throws {Refusal} link_not_valid, assertion_not_accepted
 */
export async function finishLink<L, O extends OpenLink>(
  services: Services,
  { flow, nonce, response }: Pick<FollowedLink, "flow"> & GivenPasskey,
  client: Client,
  find: () => Promise<LinkedSeat<L, O> & { readonly email: string }>,
): Promise<FirstEntered> {
  const { ledgers, settings } = services;
  return await counted(services, client, async () => {
    const seat = await find();
    const { by, email } = seat;
    return await ledgers.transact(seat.org, {
      load: async (reader) => ({
        link: await seat.load(reader),
        enrolment: await loadEnrolment(reader, settings, { nonce, response }),
        account: await loadAccountOf(reader, email),
      }),
      plan(transaction, { link, enrolment, account }) {
        const open = seat.open(transaction, link);
        const { credential, ceremony } = takeEnrolment(transaction, enrolment, flowBound(flow));
        const id = ceremony.account;
        if (id === null || !isAskedBy(ceremony.data, by, open.hash)) {
          throw new Refusal("link_not_valid", { why: "ended" });
        }
        // The first passkey only: an address that got an account meanwhile shows that it is theirs.
        if (account !== null) throw new Refusal("link_not_valid", { why: "sign_in_first" });
        const seated = seat.take(transaction, open, email);
        const member = acceptMembership(transaction, seated, { account: id, by }, client);
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
 * Has somebody who is signed in take the membership that a link leads to. No code: their passkey has
 * shown who they are.
 * @throws {Refusal} session_ended, link_not_valid, too_many_organizations; what finding the seat refuses
 */
export async function acceptLink<L, O extends OpenLink>(
  services: Services,
  session: PresentedSession,
  client: Client,
  find: () => Promise<LinkedSeat<L, O>>,
): Promise<{ readonly org: string }> {
  const { deps, ledgers } = services;
  return await counted(services, client, async () => {
    const seat = await find();
    const { org, by } = seat;
    await ledgers.transact(
      org,
      asAccount(session, {
        load: async (reader, { account }) => ({
          link: await seat.load(reader),
          passkeys: await passkeysInOrg(deps.kv, account.id, org),
        }),
        plan(transaction, caller, { link, passkeys }) {
          const open = seat.open(transaction, link);
          const { email } = caller.account;
          if (open.email !== null && open.email !== email) {
            throw new Refusal("link_not_valid", { why: "other_account" });
          }
          assertRoomForOrg(caller.account);
          const member = seat.take(transaction, open, email);
          joinOrg(transaction, caller, { member, by, passkeys }, client);
        },
      }),
    );
    return { org };
  });
}

/** How far a browser is on the way by a link. */
export async function linkStep(
  services: Services,
  by: AcceptedBy,
  { link, flow, nonce, email }: FollowedLink & {
    /** Of the ceremony that the page's address names. */
    readonly nonce: string | null;
    /** Whom the link is for; null where its reader says so. */
    readonly email: string | null;
  },
): Promise<EnrolmentStep> {
  const hash = linkHash(link);
  const isMeant = (data: JsonObject | null) => hash !== null && isAskedBy(data, by, hash);
  const emailOf = (data: JsonObject | null) =>
    isMeant(data) ? linkedData.safeParse(data).data?.email ?? email : null;
  const passkey = nonce === null ? null : await passkeyStep(services, { flow, nonce }, emailOf);
  if (passkey !== null) return passkey;
  const asked = { purpose: "enrolment", flow } as const;
  const sent = await openCode(services, asked, (data) => emailOf(data) !== null);
  return sent === null ? { at: "start" } : { at: "code", sent };
}

/** Whether a code or ceremony was asked for by the link of this kind and hash. */
function isAskedBy(data: JsonObject | null, by: AcceptedBy, hash: string): boolean {
  return linkedData.safeParse(data).data?.[by] === hash;
}
