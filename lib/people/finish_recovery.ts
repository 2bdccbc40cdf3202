import { z } from "zod";
import type { Client } from "../identity/client.ts";
import { tellIdentityEvent, tellPasskey } from "../identity/events.ts";
import { beginSession, endSession } from "../identity/sessions.ts";
import type { JsonObject } from "../json/json_value.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountKey,
  DEPLOYMENT_ORG,
  recoveryCodeKey,
  recoveryCodePrefix,
  recoveryKey,
  recoveryLinkKey,
} from "../store/keys.ts";
import { accountRecord } from "../store/records/people.ts";
import { recoveryRecord } from "../store/records/recovery.ts";
import { flowBound, peekCeremony } from "./ceremonies.ts";
import { counted } from "./counted.ts";
import { type GivenPasskey, loadEnrolment, storePasskey, takeEnrolment } from "./enrolment.ts";
import { makeRecoveryCodes } from "./recovery_codes.ts";
import { holdEverywhere } from "./recovery_holds.ts";
import { sessionsOf } from "./sessions_of.ts";
import type { Entered } from "./sign_in.ts";
import { orgsOf } from "./switch_org.ts";

/** Somebody who got in again. */
export interface Recovered extends Entered {
  /** Shown once. */
  readonly recovery_codes: readonly string[];
}

/** What a ceremony of a recovery was handed out for. */
const recoveryData = z.object({ recovery: z.string(), email: z.string() });

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
