import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { timingSafeEqual } from "node:crypto";
import type { z } from "zod";
import type { Client } from "../identity/client.ts";
import { secretHash } from "../identity/secret.ts";
import { stillLasts } from "../ledger/clock.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountKey, DEPLOYMENT_ORG, recoveryLinkKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { accountRecord } from "../store/records/people.ts";
import { recoveryLinkRecord } from "../store/records/recovery.ts";
import type { Handout } from "./ceremonies.ts";
import { counted } from "./counted.ts";
import { loadAccountOf } from "./enrolment.ts";
import { linkHash, makeLinkSecret } from "./link_secret.ts";
import { beginRecovery, loadOldAccess, settleRecovery } from "./recovery.ts";

/** How long a link of the operator counts, milliseconds. */
const LINK_MS = 60 * 60 * 1000;

/** A new link. Its URL is known only now. */
export interface RecoveryLink {
  readonly url: string;
  readonly email: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
}

/** A link as a browser came by it. */
export interface FollowedRecovery {
  readonly account: string;
  /** Its secret part. */
  readonly link: string;
}

/**
 * Makes the link by which the operator lets the owner of an address in again, without mailbox and
 * recovery code; the one before is void. For the command line and the start only.
 * @param email in lower case
 * @returns null when no account has the address
 */
export async function makeRecoveryLink(
  { deps, ledgers, settings }: Services,
  email: string,
): Promise<RecoveryLink | null> {
  const secret = makeLinkSecret(deps.random);
  return await ledgers.transact(DEPLOYMENT_ORG, {
    load: (reader) => loadAccountOf(reader, email),
    plan(transaction, account): RecoveryLink | null {
      if (account === null) return null;
      const expires_at = transaction.now + LINK_MS;
      const record = { hash: secretHash(secret), expires_at };
      transaction.set(recoveryLinkKey(account.id), record, { expireIn: LINK_MS });
      transaction.append({
        type: "recovery_link.made",
        actor: { type: "system", id: "recover" },
        subject: { account: account.id },
        data: { expires_at: new Date(expires_at).toISOString() },
        private: { email },
      });
      const url = new URL(`/recover/${account.id}/${secret}`, settings.url).href;
      return { url, email, expires_at };
    },
  });
}

/** Whose account a link lets in. @throws {Refusal} link_not_valid */
export async function seeRecoveryLink(
  services: Services,
  followed: FollowedRecovery,
): Promise<{ readonly email: string }> {
  const { deps } = services;
  const { account: id, link } = followed;
  const row = await readRecord(deps.kv, recoveryLinkKey(id), recoveryLinkRecord);
  assertOpens(row?.value ?? null, link, deps.now());
  const account = await readRecord(deps.kv, accountKey(id), accountRecord);
  if (account === null) throw new Refusal("link_not_valid", { why: "ended" });
  return { email: account.value.email };
}

/**
 * Begins a recovery by a link of the operator. Until its time is over it may be begun anew; the new
 * passkey uses the link up.
 * @param followed.flow the secret of the browser's cookie
 * @throws {Refusal} link_not_valid
 */
export async function redeemRecoveryLink(
  services: Services,
  followed: FollowedRecovery & { readonly flow: string },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { deps, ledgers, settings } = services;
  const { account: id, link, flow } = followed;
  const begun = await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      load: async (reader) => ({
        record: (await reader.get(recoveryLinkKey(id), recoveryLinkRecord))?.value ?? null,
        account: (await reader.get(accountKey(id), accountRecord))?.value ?? null,
        old: await loadOldAccess(deps, id),
      }),
      plan(transaction, { record, account, old }) {
        assertOpens(record, link, transaction.now);
        if (account === null) throw new Refusal("link_not_valid", { why: "ended" });
        return beginRecovery(transaction, settings, { account, old, by: "operator", flow }, client);
      },
    }));
  await settleRecovery(services, begun);
  return begun.handout;
}

/** @throws {Refusal} link_not_valid */
function assertOpens(
  record: z.infer<typeof recoveryLinkRecord> | null,
  link: string,
  now: number,
): void {
  const hash = linkHash(link);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const opens = record !== null && hash !== null && stillLasts(record.expires_at, LINK_MS, now) &&
    timingSafeEqual(bytes(hash), bytes(record.hash));
  if (!opens) throw new Refusal("link_not_valid", { why: "ended" });
}
