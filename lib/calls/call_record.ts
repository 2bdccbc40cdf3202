import { hash } from "node:crypto";
import type { Action } from "../base/action.ts";
import { askerOf, type MachineCaller } from "../identity/caller.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { MandateNaming } from "../mandates/mandate.ts";
import { Refusal } from "../refusal.ts";
import { callAskedKey, callKey, callKeyKey, callWaitsKey } from "../store/gateway_keys.ts";
import { approvalHistoryPrefix } from "../store/keys.ts";
import { askerId } from "../store/records/identity.ts";
import { callPointer, type CallRecord, callRecord } from "../store/records/call.ts";

/** Calls as the store has them: found by their id, by the key they were made under, or by what waits. */

/** How long a call is known after it last changed, milliseconds: longer than any request waits. */
export const KEPT_MS = 8 * 24 * 60 * 60 * 1000;

/** A call as its caller asks for it. */
export interface CallRequest extends MandateNaming {
  readonly action: Action;
  /** As it came; it is scrubbed before it is stored. */
  readonly reason: string | null;
  /** Of the key that names this call for its caller; null without one. */
  readonly key_hash: string | null;
  /** The id of the call that it goes on with, and of no other; null for a new one. */
  readonly goes_on: string | null;
}

/** What of a caller's own key is stored. */
export function keyHash(key: string): string {
  return hash("sha256", key, "hex");
}

/** A call that is known already. */
export interface KnownCall {
  readonly call: CallRecord;
  /** Whether its key or its id names it; otherwise it is the one that waits for the same action. */
  readonly isNamed: boolean;
}

/**
 * Reads the call that a request is about, for the commit to check: the one that it goes on with, that
 * of its key, or without either the call without a key that waits for the same action.
 * @param name by which requests for the action are found
 * @throws {Refusal} not_found for one to go on with that there is not, or another's
 */
export async function loadKnown(
  reader: Reader,
  caller: MachineCaller,
  { key_hash, goes_on }: Pick<CallRequest, "key_hash" | "goes_on">,
  name: string,
): Promise<KnownCall | null> {
  const { orgId } = reader.snapshot;
  const asker = askerOf(caller);
  if (goes_on !== null) {
    const call = await loadCall(reader, goes_on);
    if (call === null || askerId(call.requester) !== asker) {
      throw new Refusal("not_found", { what: "call" });
    }
    return { call, isNamed: true };
  }
  if (key_hash === null) {
    // What waits was asked for; which actions a caller ever asked for is held in memory.
    const asked = approvalHistoryPrefix(orgId, caller.id);
    await reader.look(asked);
    if (reader.lacks(asked, name)) return null;
  }
  const key = key_hash === null
    ? callWaitsKey(orgId, asker, name)
    : callKeyKey(orgId, asker, key_hash);
  const pointer = (await reader.get(key, callPointer))?.value;
  if (pointer === undefined) return null;
  const call = await loadCall(reader, pointer.id);
  if (call === null) return null;
  if (key_hash === null && call.status !== "pending") return null;
  return { call, isNamed: key_hash !== null };
}

/** Reads a call by its id, for the commit to check; null for one that is not known any more. */
export async function loadCall(reader: Reader, id: string): Promise<CallRecord | null> {
  const found = await reader.get(callKey(reader.snapshot.orgId, id), callRecord);
  if (found === null) return null;
  return stillLasts(found.value.expires_at, KEPT_MS, reader.now) ? found.value : null;
}

/** Puts a call into the commit; its key names it unless it is free again. */
export function storeCall(transaction: Transaction, call: CallRecord): void {
  const { orgId } = transaction.snapshot;
  transaction.set(callKey(orgId, call.id), call, { expireIn: KEPT_MS });
  transaction.notify(callTopic(orgId, call.id));
  const { id, key_hash, requester, expires_at } = call;
  if ("approval_id" in call && call.approval_id !== null) {
    const key = callAskedKey(orgId, call.approval_id);
    transaction.set(key, { id, expires_at }, { expireIn: KEPT_MS });
  }
  if (key_hash === null) return;
  const key = callKeyKey(orgId, askerId(requester), key_hash);
  if (call.status === "returned") transaction.delete(key);
  else transaction.set(key, { id, expires_at }, { expireIn: KEPT_MS });
}

/** News of one call: it waits, runs, or has ended. */
export const callTopic = (org: string, id: string): string => `call ${org} ${id}`;
