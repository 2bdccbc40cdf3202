import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { endSession, type PresentedSession } from "../identity/sessions.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountKey, accountPasskeyKey, DEPLOYMENT_ORG, passkeyKey } from "../store/keys.ts";
import { passkeyRecord } from "../store/records/people.ts";
import { asAccount, requireFreshAccount } from "./account_operation.ts";
import { usablePasskeysOf } from "./passkeys_of.ts";
import { tellRemovedPasskey } from "./removed_passkeys.ts";
import { sessionsOf } from "./sessions_of.ts";

/**
 * Removes a passkey of whoever is signed in. The sessions that it began or last confirmed end in the
 * same commit; the logs of the person's orgs come to say that it is gone.
 * @returns whether the session that asked was one of them
 * @throws {Refusal} session_ended, fresh_assertion_required, not_found; last_passkey when no other
 *   works under this address
 */
export async function removePasskey(
  services: Services,
  session: PresentedSession,
  credential_id: string,
  client: Client,
): Promise<{ readonly ended_own: boolean }> {
  const { deps, ledgers } = services;
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      async load(reader, { account }) {
        // Read under a check: whoever signs in by it at this moment stores that use.
        const passkey = (await reader.get(passkeyKey(credential_id), passkeyRecord))?.value ?? null;
        const usable = await usablePasskeysOf(services, account.id);
        const sessions = await sessionsOf(deps, account.id);
        return {
          passkey,
          others: usable.filter((other) => other.credential_id !== credential_id).length,
          ending: sessions.filter(({ record }) => record.credential_id === credential_id),
        };
      },
      plan(transaction, caller, { passkey, others, ending }) {
        requireFreshAccount(caller, "Removing a passkey");
        const { account, session: { hash } } = caller;
        if (passkey?.account !== account.id) {
          throw new Refusal("not_found", { what: "such a passkey of yours" });
        }
        if (others === 0) throw new Refusal("last_passkey", {});
        // Of two who remove at once the second looks again: it could take the last one.
        transaction.set(accountKey(account.id), account);
        transaction.delete(passkeyKey(credential_id));
        transaction.delete(accountPasskeyKey(account.id, credential_id));
        for (const ended of ending) endSession(transaction, ended);
        tellIdentityEvent(transaction, { id: account.id, orgs: [] }, {
          // The logs of orgs have a type of their own for it, which names a member.
          type: "passkey.dropped",
          data: {
            credential: credentialDigest(credential_id),
            sessions_ended: ending.length,
          },
        }, client);
        tellRemovedPasskey(transaction, account.orgs, credential_id);
        return { ended_own: ending.some((ended) => ended.hash === hash) };
      },
    }),
  );
}
