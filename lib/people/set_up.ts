import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { z } from "zod";
import type { JsonObject } from "../base/json.ts";
import { asAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
import { setUpData } from "../store/records/people.ts";
import { flowBound, type Handout, peekCeremony } from "./ceremonies.ts";
import {
  askCode,
  type CodeSent,
  counted,
  type FollowedLink,
  loadCode,
  loadCodeLimit,
  tryCode,
  typedAddress,
  typedOrgName,
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
import { codeLetter, post, signInLetter } from "./letters.ts";
import { loadSetUpLink, openSetUpLink } from "./links.ts";
import { ownerSeat } from "./make_org.ts";
import { acceptMembership, joinOrg, passkeysInOrg } from "./membership.ts";

/**
 * Sends a code to the address that is to be the owner's. Whoever has the link names it, and the org,
 * unless the link is for certain ones.
 * @throws {Refusal} link_not_valid, invalid_request, too_many_codes
 */
export async function sendSetUpCode(
  services: Services,
  { link, flow, organization, email }: FollowedLink & {
    readonly organization: string | null;
    readonly email: string | null;
  },
  client: Client,
): Promise<CodeSent> {
  const { deps, ledgers, settings } = services;
  const sent = await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      async load(reader) {
        const record = openSetUpLink(await loadSetUpLink(reader), link, reader.now);
        const to = record.email ?? typedAddress(email);
        const data: z.infer<typeof setUpData> = {
          set_up: record.hash,
          email: to,
          organization: record.org === null ? typedOrgName(organization) : "",
        };
        const account = await loadAccountOf(reader, to);
        return { record, to, data, account, limit: await loadCodeLimit(reader, to) };
      },
      plan(transaction, { record, to, data, account, limit }) {
        openSetUpLink(record, link, transaction.now);
        const question = { purpose: "enrolment", flow } as const;
        return { to, ...askCode(transaction, question, limit, { data, counts: account === null }) };
      },
    }));
  const { to, code, expires_at } = sent;
  const { origin } = settings.url;
  post(services, code === null ? signInLetter(to, origin) : codeLetter(to, code, origin));
  return { to, expires_at, mailed: deps.mail.configured };
}

/**
 * Takes the code, and asks for the passkey that it opens.
 * @throws {Refusal} link_not_valid, code_not_accepted, too_many_codes
 */
export async function confirmSetUpCode(
  services: Services,
  { link, flow, code }: FollowedLink & { readonly code: string },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { ledgers, settings } = services;
  return await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      load: async (reader) => ({
        record: await loadSetUpLink(reader),
        loaded: await loadCode(reader, { purpose: "enrolment", flow }),
      }),
      plan(transaction, { record, loaded }) {
        const { hash } = openSetUpLink(record, link, transaction.now);
        const asked = setUpOf(loaded.record);
        if (asked?.set_up !== hash) throw new Refusal("code_not_accepted", {});
        const right = tryCode(transaction, loaded, code);
        if (right instanceof RecordedRefusal) return right;
        return handOutEnrolment(transaction, settings, {
          bound: flowBound(flow),
          account: { id: transaction.id("acc"), email: asked.email },
          data: asked,
          passkeys: [],
        });
      },
    }));
}

/**
 * Takes the first passkey of the first owner: account, org, membership, session and recovery codes
 * are one commit.
 * @throws {Refusal} link_not_valid, assertion_not_accepted
 */
export async function finishSetUp(
  services: Services,
  given: FollowedLink & GivenPasskey,
  client: Client,
): Promise<FirstEntered> {
  const { settings, ledgers } = services;
  return await counted(services, client, async () => {
    const begun = setUpOf(await peekCeremony(services, given.nonce));
    if (begun === null) throw new Refusal("assertion_not_accepted", { why: "ceremony_ended" });
    const seat = await ownerSeat(services, given.link, begun.organization);
    return await ledgers.transact(seat.org, {
      async load(reader) {
        const link = await seat.load(reader);
        const enrolment = await loadEnrolment(reader, settings, given);
        return { link, enrolment, account: await loadAccountOf(reader, begun.email) };
      },
      plan(transaction, { link, enrolment, account }) {
        const bound = flowBound(given.flow);
        const { credential, ceremony } = takeEnrolment(transaction, enrolment, bound);
        const id = ceremony.account;
        if (id === null || begun.set_up !== link?.hash) {
          throw new Refusal("link_not_valid", { why: "ended" });
        }
        if (account !== null) throw new Refusal("link_not_valid", { why: "sign_in_first" });
        const { email } = begun;
        const seated = seat.take(transaction, link, email);
        const by = { account: id, by: "set_up" } as const;
        const member = acceptMembership(transaction, seated, by, client);
        const opened = { account: id, email, credential, member };
        return {
          ...openAccount(transaction, settings, opened, client),
          cross_device: given.response.authenticatorAttachment === "cross-platform",
        };
      },
    });
  });
}

/**
 * Makes somebody who is signed in already the first owner. No code: their passkey has shown who they
 * are.
 * @throws {Refusal} session_ended, link_not_valid, invalid_request
 */
export async function acceptSetUp(
  services: Services,
  session: PresentedSession,
  { link, organization }: { readonly link: string; readonly organization: string | null },
  client: Client,
): Promise<{ readonly org: string }> {
  const { deps, ledgers } = services;
  return await counted(services, client, async () => {
    const seat = await ownerSeat(services, link, organization);
    await ledgers.transact(
      seat.org,
      asAccount(session, {
        load: async (reader, { account }) => ({
          record: await seat.load(reader),
          passkeys: await passkeysInOrg(deps.kv, account.id, seat.org),
        }),
        plan(transaction, caller, { record, passkeys }) {
          const { email } = caller.account;
          if (record !== null && record.email !== null && record.email !== email) {
            throw new Refusal("link_not_valid", { why: "other_account" });
          }
          const member = seat.take(transaction, record, email);
          joinOrg(transaction, caller, { member, by: "set_up", passkeys }, client);
        },
      }),
    );
    return { org: seat.org };
  });
}

/** What a code or ceremony was asked for by a set-up link; null when it was for something else. */
function setUpOf(
  record: { readonly data: JsonObject | null } | null,
): z.infer<typeof setUpData> | null {
  return setUpData.safeParse(record?.data).data ?? null;
}
