import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { JsonObject } from "../base/json.ts";
import { stillLasts } from "../ledger/clock.ts";
import { CEREMONY_MS, creationOptions } from "../passkeys/challenge.ts";
import type { Services } from "../services.ts";
import { emailCodeKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type CodePurpose, emailCodeRecord, linkedData } from "../store/records/people.ts";
import { ceremonyChallenge, flowBound, type Handout, peekCeremony } from "./ceremonies.ts";
import { CODE_MS, type CodeSent } from "./email_codes.ts";
import { linkHash } from "./links.ts";

/**
 * How far a browser is on its way to a passkey: known from what the server keeps for its cookie, so
 * that a page that is loaded again, or gone back to, shows what can be done now.
 */
export type EnrolmentStep =
  | { readonly at: "start" }
  | { readonly at: "code"; readonly sent: CodeSent }
  | {
    readonly at: "passkey";
    readonly email: string;
    readonly handout: Handout<PublicKeyCredentialCreationOptionsJSON>;
  };

/** How far a browser is with the link of a set-up or an invitation. */
export async function linkStep(
  services: Services,
  { link, flow, nonce, email }: {
    readonly link: string;
    readonly flow: string;
    /** Of the ceremony that the page's address names. */
    readonly nonce: string | null;
    /** Whom the link is for; null where its reader says so. */
    readonly email: string | null;
  },
): Promise<EnrolmentStep> {
  const hash = linkHash(link);
  const emailOf = (data: JsonObject | null) => {
    const asked = linkedData.safeParse(data).data ?? {};
    const meant = hash !== null && (asked.set_up ?? asked.invitation) === hash;
    return meant ? asked.email ?? email : null;
  };
  const passkey = nonce === null ? null : await passkeyStep(services, { flow, nonce }, emailOf);
  if (passkey !== null) return passkey;
  const asked = { purpose: "enrolment", flow } as const;
  const sent = await openCode(services, asked, (data) => emailOf(data) !== null);
  return sent === null ? { at: "start" } : { at: "code", sent };
}

/**
 * The ceremony of a nonce for whoever has the cookie it was handed to; null when it has ended.
 * @param emailOf whose passkey it asks for; null where it was begun for something else
 */
export async function passkeyStep(
  services: Services,
  { flow, nonce }: { readonly flow: string; readonly nonce: string },
  emailOf: (data: JsonObject | null) => string | null,
): Promise<Extract<EnrolmentStep, { at: "passkey" }> | null> {
  const { deps, settings } = services;
  const ceremony = await peekCeremony(services, nonce);
  const counts = ceremony !== null && stillLasts(ceremony.expires_at, CEREMONY_MS, deps.now()) &&
    ceremony.purpose === "enrolment" && ceremony.bound === flowBound(flow);
  const email = counts ? emailOf(ceremony.data) : null;
  if (!counts || ceremony.account === null || email === null) return null;
  const options = creationOptions({
    rpId: settings.url.hostname,
    challenge: ceremonyChallenge(settings, "enrolment", nonce),
    account: { id: ceremony.account, email },
    passkeys: [],
  });
  return { at: "passkey", email, handout: { nonce, expires_at: ceremony.expires_at, options } };
}

/** The code that a browser asked for and may still type; null when there is none. */
export async function openCode(
  { deps }: Pick<Services, "deps">,
  { purpose, flow }: { readonly purpose: CodePurpose; readonly flow: string },
  isMeant: (data: JsonObject) => boolean,
): Promise<CodeSent | null> {
  const key = emailCodeKey(purpose, flowBound(flow));
  const code = (await readRecord(deps.kv, key, emailCodeRecord))?.value;
  if (
    code === undefined || !stillLasts(code.expires_at, CODE_MS, deps.now()) || !isMeant(code.data)
  ) return null;
  return { to: code.email, expires_at: code.expires_at, mailed: deps.mail.configured };
}
