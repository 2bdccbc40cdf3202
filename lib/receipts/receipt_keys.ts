import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { isId } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Client } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Actor, Placed } from "../ledger/entry.ts";
import { loggedEntry } from "../ledger/log_reader.ts";
import { leavesFrom } from "../ledger/log_tail.ts";
import type { Operation, Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { orgKey } from "../store/keys.ts";
import { type Kv, listRecords, readRecord } from "../store/kv.ts";
import { newestReceiptKeyKey, receiptKeyKey, receiptKeyPrefix } from "../store/mandate_keys.ts";
import {
  newestReceiptKey,
  privateJwk,
  type ReceiptKeyRecord,
  receiptKeyRecord,
} from "../store/records/log.ts";
import { orgRecord } from "../store/records/policy.ts";
import { ed25519KeyPair, type Ed25519PrivateJwk, jwkThumbprint } from "../tlog/log_key.ts";
import { ENGINE } from "./claims.ts";
import type { ReceiptSigner } from "./jws.ts";

/**
 * The keys that sign receipts, which are not those of the log. Each is made by an entry of the log,
 * which the log's own key covers, and signs what happened from a time on; so whoever has the log knows
 * which key may have signed what. What happened under a key is signed by it for ever: its private part
 * is kept. Whoever steals it can sign no past of their own, for a receipt names its leaf in the log.
 */

/** The type of the entry that makes one. */
export const KEY_TYPE = "key.set";

/** Who makes the first one, when the first receipt is asked for. */
const SYSTEM: Actor = { type: "system", id: "receipts" };

/** A pair that no row holds yet. */
interface NewKey {
  readonly kid: string;
  readonly jwk: Ed25519PrivateJwk;
}

/** Every key of an org that signs receipts or signed any, oldest first. */
export async function listReceiptKeys(kv: Kv, org: string): Promise<ReceiptKeyRecord[]> {
  const found = listRecords(kv, { prefix: receiptKeyPrefix(org) }, receiptKeyRecord);
  const keys = await Array.fromAsync(found, ({ value }) => value);
  return keys.sort((a, b) => a.active_from - b.active_from);
}

/** The key that signs what happened at a time (milliseconds), among those of an org. */
export function keyOfTime(
  keys: readonly ReceiptKeyRecord[],
  time: number,
): ReceiptKeyRecord | null {
  return keys.find(({ active_from, active_until }) =>
    active_from <= time && (active_until === null || time < active_until)
  ) ?? null;
}

/**
 * The public keys of an org's receipts as anybody may have them, oldest first.
 * @throws {Refusal} not_found when there is no such org
 */
export async function publishedReceiptKeys({ kv }: Pick<Deps, "kv">, org: string) {
  const record = isId(org, "org") ? await readRecord(kv, orgKey(org), orgRecord) : null;
  if (record === null) {
    throw new Refusal("not_found", { what: `organization ${JSON.stringify(org)}` });
  }
  const keys = await listReceiptKeys(kv, org);
  return { workspace_id: org, keys: keys.map(publishedKey), engine: { ...ENGINE } };
}

function publishedKey({ kid, x, active_from, active_until, entry }: ReceiptKeyRecord) {
  return {
    key_id: kid,
    alg: "Ed25519",
    public_key: x,
    active_from: new Date(active_from).toISOString(),
    active_until: active_until === null ? null : new Date(active_until).toISOString(),
    public_key_fingerprint: `sha256:${hash("sha256", Buffer.from(x, "base64url"), "hex")}`,
    entry: { ...entry },
  };
}

/** The private part of a key. @throws {CannotOpen} */
export function receiptSigner(
  { sealer }: Pick<Deps, "sealer">,
  org: string,
  { kid, sealed }: ReceiptKeyRecord,
): ReceiptSigner {
  return { kid, jwk: privateJwk.parse(sealer.openJson(receiptKeyKey(org, kid), sealed)) };
}

interface LoadedFirst {
  readonly isThere: boolean;
  readonly key: NewKey;
  /** When the first entry of the log was written, milliseconds: it signs the past, too. */
  readonly since: number;
}

/** Makes the first key of an org; where there is one by then, nothing. */
export function makeFirstKey(deps: Deps, org: string): Operation<LoadedFirst, void> {
  return {
    async load(reader) {
      const [newest, key, since] = await Promise.all([
        reader.get(newestReceiptKeyKey(org), newestReceiptKey),
        newKey(deps),
        firstTime(deps.kv, org),
      ]);
      return { isThere: newest !== null, key, since };
    },
    plan(transaction, { isThere, key, since }) {
      if (isThere) return;
      setKey(transaction, key, { from: since, replaces: null, actor: SYSTEM, request_id: null });
    },
  };
}

/** A change of the key that signs receipts. */
export interface RotatedReceiptKey {
  readonly kid: string;
  /** Null where there was none. */
  readonly retired_kid: string | null;
  readonly audit: Placed;
}

interface LoadedRotation extends LoadedFirst {
  readonly old: ReceiptKeyRecord | null;
}

/**
 * Gives an org another key for the receipts of what happens from now on.
 * @throws {Refusal} role_required, recovery_held, fresh_assertion_required for a member
 */
export function rotateReceiptKey(
  deps: Deps,
  client: Client,
): CallerOperation<LoadedRotation, RotatedReceiptKey> {
  return {
    async load(reader, { org }) {
      const [first, old] = await Promise.all([
        makeFirstKey(deps, org).load?.(reader),
        newestKey(reader, org),
      ]);
      if (first === undefined) throw new TypeError("The first key loads nothing");
      return { ...first, old };
    },
    plan(transaction, caller, { old, key, since }) {
      demand(caller, "rotate_log_key", "Replacing the key of receipts");
      const { snapshot: { orgId }, at } = transaction;
      // What stands in this millisecond already was, or may have been, signed by the old one.
      const from = old === null ? since : at + 1;
      if (old !== null) {
        transaction.set(receiptKeyKey(orgId, old.kid), { ...old, active_until: from });
      }
      const retired_kid = old?.kid ?? null;
      const audit = setKey(transaction, key, {
        from,
        replaces: retired_kid,
        actor: actorOf(caller),
        request_id: client.request_id,
      });
      return { kid: key.kid, retired_kid, audit };
    },
  };
}

async function newestKey(reader: Reader, org: string): Promise<ReceiptKeyRecord | null> {
  const newest = await reader.get(newestReceiptKeyKey(org), newestReceiptKey);
  if (newest === null) return null;
  return (await reader.get(receiptKeyKey(org, newest.value.kid), receiptKeyRecord))?.value ?? null;
}

async function newKey(deps: Deps): Promise<NewKey> {
  const jwk = await ed25519KeyPair(deps.random(32));
  return { kid: jwkThumbprint(jwk), jwk };
}

async function firstTime(kv: Kv, org: string): Promise<number> {
  for await (const leaf of leavesFrom(kv, org, 0, 1)) {
    return Date.parse(loggedEntry(leaf).entry.at);
  }
  return 0;
}

/** Writes a key and the entry that makes it. */
function setKey(
  transaction: Transaction,
  { kid, jwk }: NewKey,
  { from, replaces, actor, request_id }: {
    readonly from: number;
    readonly replaces: string | null;
    readonly actor: Actor;
    readonly request_id: string | null;
  },
): Placed {
  const { snapshot: { orgId }, deps: { sealer } } = transaction;
  const key = receiptKeyKey(orgId, kid);
  const placed = transaction.append({
    type: KEY_TYPE,
    actor,
    subject: { key: kid },
    data: {
      active_from: new Date(from).toISOString(),
      alg: "Ed25519",
      public_key: jwk.x,
      replaces,
      signs: "receipts",
      ...(request_id === null ? {} : { request_id }),
    },
  });
  const record: ReceiptKeyRecord = {
    kid,
    x: jwk.x,
    sealed: sealer.sealJson(key, jwk),
    active_from: from,
    active_until: null,
    entry: { ...placed },
  };
  transaction.set(key, record);
  transaction.set(newestReceiptKeyKey(orgId), { kid });
  return placed;
}
