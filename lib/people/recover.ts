import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import type { Client } from "../identity/client.ts";
import { RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, recoveryCodeKey, recoverySetKey } from "../store/keys.ts";
import { recoveryCodeRecord, recoverySetRecord } from "../store/records/people.ts";
import type { Handout } from "./ceremonies.ts";
import { counted } from "./counted.ts";
import { askCode, loadCode, loadCodeLimit, tryCode } from "./email_codes.ts";
import { loadAccountOf } from "./enrolment.ts";
import { NOTHING_LEFT } from "./left_behind.ts";
import { post } from "./letters.ts";
import { beginRecovery, loadOldAccess, type OldAccess, settleRecovery } from "./recovery.ts";
import { recoveryCodeHash } from "./recovery_codes.ts";
import { recoveryCodeLetter } from "./recovery_letters.ts";
import type { CodeSent } from "./set_up.ts";
import { typedAddress } from "./typed.ts";

const NO_ACCESS: OldAccess = { passkeys: [], sessions: [], left: NOTHING_LEFT };

/**
 * Sends a code to somebody who lost their passkeys, if there is an account under the address. The
 * answer is the same if there is none.
 * @param asked.flow the secret of the browser's cookie
 * @throws {Refusal} invalid_request, too_many_codes
 */
export async function sendRecoveryCode(
  services: Services,
  { email, flow }: { readonly email: string | null; readonly flow: string },
  client: Client,
): Promise<CodeSent> {
  const { deps, ledgers, settings } = services;
  const to = typedAddress(email);
  const { code, expires_at } = await counted(
    services,
    client,
    () =>
      ledgers.transact(DEPLOYMENT_ORG, {
        load: async (reader) => ({
          account: await loadAccountOf(reader, to),
          limit: await loadCodeLimit(reader, to),
        }),
        plan: (transaction, { account, limit }) =>
          askCode(transaction, { purpose: "recovery", flow }, limit, {
            data: {},
            counts: account !== null,
          }),
      }),
  );
  if (code !== null) post(services, recoveryCodeLetter(to, code, settings.url.origin));
  return { to, expires_at, mailed: deps.mail.configured };
}

/**
 * Takes the code from the mailbox and a recovery code together: the account's passkeys, sessions and
 * grants end, its orgs hold their member, and this browser may make a new passkey. Of parallel
 * attempts with one recovery code one succeeds.
 * @throws {Refusal} code_not_accepted, whichever of the two is wrong; too_many_codes
 */
export async function redeemRecoveryCode(
  services: Services,
  given: {
    readonly flow: string;
    /** From the mailbox. */
    readonly code: string;
    /** As typed. */
    readonly recovery_code: string;
  },
  client: Client,
): Promise<Handout<PublicKeyCredentialCreationOptionsJSON>> {
  const { deps, ledgers, settings } = services;
  const { flow } = given;
  const hash = recoveryCodeHash(given.recovery_code) ?? "";
  const begun = await counted(services, client, () =>
    ledgers.transact(DEPLOYMENT_ORG, {
      async load(reader) {
        const loaded = await loadCode(reader, { purpose: "recovery", flow });
        const account = await loadAccountOf(reader, loaded.record?.email ?? "");
        const id = account?.id ?? "";
        const set = (await reader.peek(recoverySetKey(id), recoverySetRecord))?.value.set;
        const code = (await reader.get(recoveryCodeKey(id, hash), recoveryCodeRecord))?.value.set;
        const isOurs = code !== undefined && code === set;
        // Not before: how long the reading takes would tell whether there is an account.
        const old = isOurs ? await loadOldAccess(deps, id) : NO_ACCESS;
        return { loaded, account, isOurs, old };
      },
      plan(transaction, { loaded, account, isOurs, old }) {
        // A wrong recovery code makes the other wrong too: it is counted, and neither tells of the
        // other. What nobody was mailed matches nothing.
        const right = tryCode(transaction, loaded, isOurs ? given.code : "");
        if (right instanceof RecordedRefusal) return right;
        if (account === null) throw new Refusal("code_not_accepted", {});
        transaction.delete(recoveryCodeKey(account.id, hash));
        return beginRecovery(transaction, settings, { account, old, by: "code", flow }, client);
      },
    }));
  await settleRecovery(services, begun);
  return begun.handout;
}
