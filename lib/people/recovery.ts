import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { Deps } from "../deps.ts";
import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { endSession, type PresentedSession } from "../identity/sessions.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  accountPasskeyKey,
  DEPLOYMENT_ORG,
  passkeyKey,
  recoveryKey,
} from "../store/keys.ts";
import type { AccountRecord, PasskeyRecord } from "../store/records/people.ts";
import type { RecoveryRecord } from "../store/records/recovery.ts";
import { flowBound, type Handout } from "./ceremonies.ts";
import { handOutEnrolment } from "./enrolment.ts";
import { endLeft, type LeftByAccount, loadLeft } from "./left_behind.ts";
import { post } from "./letters.ts";
import { passkeysOf } from "./passkeys_of.ts";
import { holdEverywhere, scheduleHolds } from "./recovery_holds.ts";
import { ownRecoveryLetter } from "./recovery_letters.ts";
import { tellRemovedPasskey } from "./removed_passkeys.ts";
import { sessionsOf } from "./sessions_of.ts";

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
export interface BegunRecovery {
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
    tellRemovedPasskey(transaction, orgs, credential_id);
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
