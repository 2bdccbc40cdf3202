import type { Reader, Transaction } from "../ledger/transaction.ts";
import { enrolmentEvidence } from "../passkeys/evidence.ts";
import { knownPasskeyKey } from "../store/keys.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { type KnownPasskey, knownPasskey, type PasskeyRecord } from "../store/records/people.ts";

/** What the log of the reader's org says of a passkey; the commit checks that it stays so. */
export async function loadKnownPasskey(
  reader: Reader,
  credential_id: string,
): Promise<KnownPasskey | null> {
  const key = knownPasskeyKey(reader.snapshot.orgId, credential_id);
  return (await reader.get(key, knownPasskey))?.value ?? null;
}

/**
 * Has the log of the org name a passkey of a member, unless it does: whoever checks a decision by it
 * later takes the key from there, not from the records. Belongs into the commit of a decision too,
 * so that none comes before the entry that it is checked by.
 * @param known what `loadKnownPasskey` found
 */
export function knowPasskey(
  transaction: Transaction,
  member: Pick<MemberRecord, "id">,
  passkey: Pick<PasskeyRecord, "credential_id" | "public_key">,
  known: KnownPasskey | null,
): void {
  if (known?.member === member.id) return;
  const { credential_id, public_key } = passkey;
  const record: KnownPasskey = { member: member.id, public_key, created_at: transaction.at };
  transaction.set(knownPasskeyKey(transaction.snapshot.orgId, credential_id), record);
  const evidence = enrolmentEvidence(passkey);
  transaction.append({
    type: "passkey.enrolled",
    actor: { type: "member", id: member.id },
    subject: { member: member.id },
    data: evidence.data,
    private: evidence.private,
  });
}
