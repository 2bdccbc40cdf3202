import { z } from "zod";
import type { Deps } from "../deps.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { enrolmentEvidence, removalEvidence } from "../passkeys/evidence.ts";
import {
  accountPasskeyPrefix,
  knownPasskeyKey,
  knownPasskeyPrefix,
  passkeyKey,
} from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import {
  type KnownPasskey,
  knownPasskey,
  type PasskeyRecord,
  passkeyRecord,
} from "../store/records/people.ts";

/**
 * The passkeys of an account, and which of them the log of an org knows. A decision is checked
 * later by the key that the log named, so the log names a passkey before any decision by it.
 */

/** The passkeys of an account, the oldest first. */
export async function passkeysOf(kv: Kv, account: string): Promise<PasskeyRecord[]> {
  const passkeys: PasskeyRecord[] = [];
  for await (
    const { key } of listRecords(kv, { prefix: [...accountPasskeyPrefix(account)] }, z.unknown())
  ) {
    const passkey = await readRecord(kv, passkeyKey(String(key[2])), passkeyRecord);
    if (passkey !== null) passkeys.push(passkey.value);
  }
  return passkeys.sort((a, b) => a.created_at - b.created_at);
}

/** Those of them that work under the address of this deployment. */
export async function usablePasskeysOf(
  { deps, settings }: {
    readonly deps: Pick<Deps, "kv">;
    readonly settings: { readonly url: URL };
  },
  account: string,
): Promise<PasskeyRecord[]> {
  const passkeys = await passkeysOf(deps.kv, account);
  return passkeys.filter(({ rp_id }) => rp_id === settings.url.hostname);
}

/** What the log of the reader's org says of a passkey; the commit checks that it stays so. */
export async function loadKnownPasskey(
  reader: Reader,
  credential_id: string,
): Promise<KnownPasskey | null> {
  const key = knownPasskeyKey(reader.snapshot.orgId, credential_id);
  return (await reader.get(key, knownPasskey))?.value ?? null;
}

/** The passkeys of a member that the log of the reader's org names. Read without a check. */
export async function knownPasskeysOf(
  { kv, snapshot }: Pick<Reader, "kv" | "snapshot">,
  member: string,
): Promise<string[]> {
  const found: string[] = [];
  const prefix = [...knownPasskeyPrefix(snapshot.orgId)];
  for await (const { key, value } of listRecords(kv, { prefix }, knownPasskey)) {
    if (value.member === member) found.push(String(key[2]));
  }
  return found;
}

/** Has the log of the org say that a passkey which it names is gone. */
export function forgetPasskey(
  transaction: Transaction,
  member: string,
  credential_id: string,
): void {
  transaction.delete(knownPasskeyKey(transaction.snapshot.orgId, credential_id));
  transaction.append({
    type: "passkey.removed",
    actor: { type: "member", id: member },
    subject: { member },
    data: removalEvidence(credential_id).data,
  });
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
