import { decodeCrockford, encodeCrockford } from "../base/id.ts";
import { asAccount, requireFreshAccount } from "../identity/acting.ts";
import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { tellIdentityEvent } from "../identity/events.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import {
  DEPLOYMENT_ORG,
  recoveryCodeKey,
  recoveryCodePrefix,
  recoverySetKey,
} from "../store/keys.ts";
import { listRecords, readRecord } from "../store/kv.ts";
import { recoveryCodeRecord, recoverySetRecord } from "../store/records/people.ts";

export const CODES_A_SET = 10;

/** 128 bits in 26 characters: too many to try, so that a plain hash keeps them. */
const CODE_BYTES = 16;

const CODE_CHARACTERS = 26;

/**
 * Makes the ten recovery codes of an account, in the commit of what gives them to it. They are known
 * only now; whatever codes it had before are void.
 */
export function makeRecoveryCodes(transaction: Transaction, account: string): string[] {
  const { deps, at } = transaction;
  const set = deps.random(CODE_BYTES).toHex();
  transaction.set(recoverySetKey(account), { set, created_at: at });
  return Array.from({ length: CODES_A_SET }, () => {
    const code = encodeCrockford(deps.random(CODE_BYTES));
    transaction.set(recoveryCodeKey(account, secretHash(code)), { set });
    return code;
  });
}

/**
 * The hash that a typed recovery code is found by; null for what cannot be one. Takes it in groups,
 * in capitals, and with the letters that Crockford's alphabet reads as digits (O, I, L).
 */
export function recoveryCodeHash(typed: string): string | null {
  const code = typed.replaceAll(/[\s-]/g, "").toLowerCase()
    .replaceAll("o", "0").replaceAll(/[il]/g, "1");
  if (code.length !== CODE_CHARACTERS || decodeCrockford(code) === null) return null;
  return secretHash(code);
}

/**
 * Makes new recovery codes for whoever is signed in, and shows them once; the old ones are void.
 * @throws {Refusal} session_ended, fresh_assertion_required
 */
export async function regenerateRecoveryCodes(
  { ledgers }: Services,
  session: PresentedSession,
  client: Client,
): Promise<string[]> {
  return await ledgers.transact(
    DEPLOYMENT_ORG,
    asAccount(session, {
      async load(reader, { account }) {
        // Read under a check: of two who do this at once, one set counts.
        await reader.get(recoverySetKey(account.id), recoverySetRecord);
        const prefix = recoveryCodePrefix(account.id);
        return await Array.fromAsync(reader.kv.list({ prefix: [...prefix] }), ({ key }) => key[2]);
      },
      plan(transaction, caller, old) {
        requireFreshAccount(caller, "Making new recovery codes");
        const { account } = caller;
        for (const hash of old) transaction.delete(recoveryCodeKey(account.id, String(hash)));
        const codes = makeRecoveryCodes(transaction, account.id);
        tellIdentityEvent(transaction, account, { type: "recovery_codes.made" }, client);
        return codes;
      },
    }),
  );
}

/** How many recovery codes of an account are left. */
export async function recoveryCodesLeft(
  { deps }: Pick<Services, "deps">,
  account: string,
): Promise<number> {
  const key = recoverySetKey(account);
  const newest = await readRecord(deps.kv, key, recoverySetRecord);
  if (newest === null) return 0;
  let left = 0;
  const prefix = [...recoveryCodePrefix(account)];
  for await (const { value } of listRecords(deps.kv, { prefix }, recoveryCodeRecord)) {
    if (value.set === newest.value.set) left++;
  }
  return left;
}
