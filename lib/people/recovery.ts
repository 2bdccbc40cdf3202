import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { JsonObject } from "../base/json.ts";
import type { Deps } from "../deps.ts";
import type { Client } from "../identity/caller.ts";
import { tellIdentityEvent, tellPasskey } from "../identity/events.ts";
import { passkeysOf } from "../identity/passkeys.ts";
import { beginSession, endSession, type PresentedSession } from "../identity/sessions.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  accountPasskeyKey,
  DEPLOYMENT_ORG,
  passkeyKey,
  recoveryCodeKey,
  recoveryCodePrefix,
  recoveryKey,
  recoveryLinkKey,
} from "../store/keys.ts";
import {
  type AccountRecord,
  accountRecord,
  type PasskeyRecord,
  recoveryData,
  type RecoveryRecord,
  recoveryRecord,
} from "../store/records/people.ts";
import { flowBound, type Handout, peekCeremony } from "./ceremonies.ts";
import { counted } from "./email_codes.ts";
import {
  type GivenPasskey,
  handOutEnrolment,
  loadEnrolment,
  storePasskey,
  takeEnrolment,
} from "./enrolment.ts";
import { endLeft, type LeftByAccount, loadLeft } from "./left_behind.ts";
import { ownRecoveryLetter, post } from "./letters.ts";
import { makeRecoveryCodes } from "./recovery_codes.ts";
import { holdEverywhere, scheduleHolds } from "./recovery_holds.ts";
import { orgsOf, sessionsOf } from "./sessions.ts";
import type { Entered } from "./sign_in.ts";

/**
 * A recovery, from what it ends to the passkey that ends it. All that was there goes in the commit
 * that allows it, and no new passkey counts before every org of the person holds its member.
 */

/** For how long a recovery waits for its new passkey at most; its nonce lives shorter. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** What a recovery ends. */
export interface OldAccess {
  readonly passkeys: readonly PasskeyRecord[];
  readonly sessions: readonly PresentedSession[];
  /** Each org ends its own part with its hold. */
  readonly left: LeftByAccount;
}

/** What was begun: the account, and what its person makes the new passkey with. */
interface BegunRecovery {
  readonly account: AccountRecord;
  readonly handout: Handout<PublicKeyCredentialCreationOptionsJSON>;
}

/** Reads what a recovery ends, without checks: `settleRecovery` ends what came meanwhile. */
export async function loadOldAccess(
  deps: Pick<Deps, "kv" | "now">,
  account: string,
): Promise<OldAccess> {
  return {
    passkeys: await passkeysOf(deps.kv, account),
    sessions: await sessionsOf(deps, account),
    left: await loadLeft(deps.kv, account),
  };
}

/**
 * Begins a recovery, in the commit of what allows it: passkeys and sessions end, and the browser
 * that asked may make a new passkey. The account's orgs hold their member before that counts.
 */
export function beginRecovery(
  transaction: Transaction,
  settings: Services["settings"],
  { account, old, by, flow }: {
    readonly account: AccountRecord;
    readonly old: OldAccess;
    readonly by: RecoveryRecord["by"];
    /** The secret of the browser's cookie. */
    readonly flow: string;
  },
  client: Client,
): BegunRecovery {
  const { now, deps } = transaction;
  const { id, email, orgs } = account;
  // Read by whoever signs in: a sign-in at this moment collides, and finds its passkey gone.
  transaction.set(accountKey(id), { ...account, recovered_at: now });
  for (const { credential_id } of old.passkeys) {
    transaction.delete(passkeyKey(credential_id));
    transaction.delete(accountPasskeyKey(id, credential_id));
  }
  for (const session of old.sessions) endSession(transaction, session);
  endLeft(transaction, old.left);
  const recovery: RecoveryRecord = {
    id: deps.random(16).toHex(),
    by,
    waiting: [...orgs],
    redeemed_at: now,
    request_id: client.request_id,
  };
  transaction.set(recoveryKey(id), recovery, { expireIn: KEPT_MS });
  scheduleHolds(transaction, id, orgs);
  tellIdentityEvent(transaction, { id, orgs: [] }, {
    type: "recovery.redeemed",
    data: {
      by,
      passkeys_ended: old.passkeys.length,
      sessions_ended: old.sessions.length,
      grants_ended: old.left.grants.length,
      browsers_ended: old.left.subscriptions.length,
    },
    private: { email },
  }, client);
  const handout = handOutEnrolment(transaction, settings, {
    bound: flowBound(flow),
    account,
    data: { recovery: recovery.id, email },
    passkeys: [],
  });
  return { account, handout };
}

/** What follows at once on a recovery that stands: holds in force, its person told. */
export async function settleRecovery(
  services: Services,
  { account: { id, email } }: BegunRecovery,
): Promise<void> {
  const { deps, ledgers, settings } = services;
  post(services, ownRecoveryLetter(email, settings.url.origin));
  await holdEverywhere(services, id);
  // Without a passkey none can begin any more; one may have begun while the recovery was read for,
  // and one of those that have ended may have left something meanwhile.
  await ledgers.transact(DEPLOYMENT_ORG, {
    load: async () => ({
      sessions: await sessionsOf(deps, id),
      left: await loadLeft(deps.kv, id),
    }),
    plan(transaction, { sessions, left }) {
      for (const session of sessions) endSession(transaction, session);
      endLeft(transaction, left);
    },
  });
}

/** Somebody who got in again. */
export interface Recovered extends Entered {
  /** Shown once. */
  readonly recovery_codes: readonly string[];
}

/** Whose new passkey a ceremony asks for; null where it is of no recovery. */
export function recoveringEmail(data: JsonObject | null): string | null {
  return recoveryData.safeParse(data).data?.email ?? null;
}

/**
 * Takes the new passkey of somebody who recovers their account. It counts only when every org of
 * theirs holds its member; new recovery codes and a session are of the same commit.
 * @param given.flow the secret of the browser's cookie
 * @throws {Refusal} assertion_not_accepted
 */
export async function finishRecovery(
  services: Services,
  given: GivenPasskey & { readonly flow: string },
  client: Client,
): Promise<Recovered> {
  const { deps, ledgers, settings } = services;
  return await counted(services, client, async () => {
    const ended = new Refusal("assertion_not_accepted", { why: "ceremony_ended" });
    const begun = await peekCeremony(services, given.nonce);
    const id = begun?.account ?? null;
    const asked = recoveryData.safeParse(begun?.data).data;
    if (id === null || asked === undefined) throw ended;
    await holdEverywhere(services, id);
    const [first] = await orgsOf(services, id);
    return await ledgers.transact(DEPLOYMENT_ORG, {
      load: async (reader) => ({
        enrolment: await loadEnrolment(reader, settings, given),
        account: (await reader.get(accountKey(id), accountRecord))?.value ?? null,
        recovery: (await reader.get(recoveryKey(id), recoveryRecord))?.value ?? null,
        // Those of before are void by the new set; their rows go with them.
        oldCodes: await Array.fromAsync(
          reader.kv.list({ prefix: [...recoveryCodePrefix(id)] }),
          ({ key }) => String(key[2]),
        ),
        sessions: await sessionsOf(deps, id),
      }),
      plan(transaction, { enrolment, account, recovery, oldCodes, sessions }): Recovered {
        const { credential } = takeEnrolment(transaction, enrolment, flowBound(given.flow));
        const isNewest = recovery?.id === asked.recovery && recovery.waiting.length === 0;
        if (account === null || !isNewest) throw ended;
        transaction.delete(recoveryKey(id));
        transaction.delete(recoveryLinkKey(id));
        for (const session of sessions) endSession(transaction, session);
        for (const hash of oldCodes) transaction.delete(recoveryCodeKey(id, hash));
        const name = "Passkey 1";
        const stored = { account: id, credential, name };
        const { credential_id } = storePasskey(transaction, settings, stored, client);
        tellPasskey(transaction, account, credential_id);
        const session = beginSession(transaction, {
          account: id,
          org: first?.id ?? null,
          credential_id,
          user_agent: client.user_agent,
        });
        tellIdentityEvent(transaction, account, {
          type: "session.begun",
          data: { session: session.record.id, credential: credentialDigest(credential_id) },
        }, client);
        return {
          secret: session.secret,
          session: session.record,
          cross_device: given.response.authenticatorAttachment === "cross-platform",
          recovery_codes: makeRecoveryCodes(transaction, id),
        };
      },
    });
  });
}
