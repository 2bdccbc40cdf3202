import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { endSession, type PresentedSession } from "../identity/sessions.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { accountSessionKey, DEPLOYMENT_ORG, sessionKey } from "../store/keys.ts";
import { sessionPointer, sessionRecord } from "../store/records/people.ts";
import { asAccount } from "./account_operation.ts";

/**
 * Ends one session of whoever is signed in: its next click is refused, and its open streams end.
 * @param id of the session
 * @throws {Refusal} session_ended, not_found
 */
export async function endSessionOf(
  { ledgers }: Pick<Services, "ledgers">,
  session: PresentedSession,
  id: string,
  client: Client,
): Promise<void> {
  await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      async load(reader, { account }) {
        const key = accountSessionKey(account.id, id);
        const hash = (await reader.peek(key, sessionPointer))?.value.hash;
        if (hash === undefined) return null;
        const record = (await reader.get(sessionKey(hash), sessionRecord))?.value;
        return record === undefined ? null : { hash, record };
      },
      plan(transaction, { account }, found) {
        if (found === null) throw new Refusal("not_found", { what: `session ${id} of yours` });
        endSession(transaction, found);
        tellIdentityEvent(transaction, account, {
          type: "session.ended",
          data: { session: id, by: "person" },
        }, client);
      },
    }),
  );
}
