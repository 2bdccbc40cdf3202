import type { MachineCaller } from "../identity/caller.ts";
import { issueReceipt } from "../receipts/issue.ts";
import type { SignedClaims, SignedJws } from "../receipts/jws.ts";
import type { Services } from "../services.ts";
import { readRecord } from "../store/kv.ts";
import { mandateKey } from "../store/mandate_keys.ts";
import { mandateRecord } from "../store/records/mandate.ts";

/**
 * The receipt of an entry in the form that a client reads: of an authorization that says itself what it
 * allows, as only clients before 0.8 grant them, in theirs, and in that of 0.8 of everything else.
 * @throws {Refusal} what `issueReceipt` refuses
 */
export async function receiptForClient(
  stores: Pick<Services, "deps" | "ledgers">,
  caller: MachineCaller,
  log: string,
  id: string,
): Promise<SignedJws | SignedClaims> {
  const { claims, receipt } = await issueReceipt(stores, caller, log, id, "allowly-5");
  const { authorization_id } = claims;
  if (authorization_id === null) return receipt;
  const key = mandateKey(caller.org, authorization_id);
  const mandate = await readRecord(stores.deps.kv, key, mandateRecord);
  if (mandate?.value.bundle !== null) return receipt;
  return (await issueReceipt(stores, caller, log, id, "allowly-4")).receipt;
}
