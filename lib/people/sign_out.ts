import type { Client } from "../identity/client.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import { endSession, type PresentedSession } from "../identity/sessions.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
import { asAccount } from "./account_operation.ts";

/** Ends a session. One that has ended already is no reason to refuse. */
export async function signOut(
  { ledgers }: Services,
  session: PresentedSession,
  client: Client,
): Promise<void> {
  try {
    await ledgers.transact(
      DEPLOYMENT_ORG,
      asAccount(session, {
        plan(transaction, caller) {
          endSession(transaction, caller.session);
          tellIdentityEvent(transaction, caller.account, {
            type: "session.ended",
            data: { session: caller.session.record.id, by: "sign_out" },
          }, client);
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof Refusal && error.code === "session_ended")) throw error;
  }
}
