import { type DueWork, schedule } from "../ledger/due.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { removalEvidence } from "../passkeys/evidence.ts";
import type { Services } from "../services.ts";
import { dueKey, knownPasskeyKey } from "../store/keys.ts";
import { loadKnownPasskey } from "./known_passkeys.ts";

/** Has the logs of orgs say that a passkey is gone, where they name it. */
export function tellRemovedPasskey(
  transaction: Transaction,
  orgs: readonly string[],
  credential_id: string,
): void {
  for (const org of orgs) {
    schedule(transaction, { kind: "passkey_removed", at: transaction.now, id: credential_id, org });
  }
}

/** Says it in the log of one org, exactly once. */
export async function deliverRemovedPasskey(
  { ledgers }: Pick<Services, "ledgers">,
  { kind, at, org, id }: DueWork,
): Promise<void> {
  await ledgers.transact(org, {
    load: (reader) => loadKnownPasskey(reader, id),
    plan(transaction, known) {
      transaction.delete(dueKey(at, kind, org, id));
      if (known === null) return;
      transaction.delete(knownPasskeyKey(org, id));
      const { member } = known;
      transaction.append({
        type: "passkey.removed",
        actor: { type: "member", id: member },
        subject: { member },
        data: removalEvidence(id).data,
      });
    },
  });
}
