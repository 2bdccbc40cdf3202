import type { Reader, Transaction } from "../ledger/transaction.ts";
import { tokenKeyKey } from "../store/keys.ts";
import type { TokenKeyRecord } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";

/**
 * The keys that sign an org's run tokens: one a period of 30 days, made when it is first needed,
 * sealed in the store.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

/** How old a key may be that signs, milliseconds. */
const KEY_PERIOD_MS = 30 * DAY_MS;

/** How long after it a key still tells its tokens: a run may be reported long after it. */
const KEY_KEPT_MS = 365 * DAY_MS;

const SECRET_BYTES = 32;

const KEY_ID = /^k[0-9]{1,9}$/;

/** The key of a period as it was read; null when nobody has needed it yet. */
export interface LoadedTokenKey {
  readonly kid: string;
  readonly record: TokenKeyRecord | null;
}

/**
 * Reads the key that signs now. Periods are counted from 1970 and name their key, so that all nodes
 * agree on it without asking one another; the commit lets only one of them make it.
 */
export function loadSigningKey(reader: Reader): Promise<LoadedTokenKey> | LoadedTokenKey {
  return loadTokenKey(reader, `k${Math.floor(reader.now / KEY_PERIOD_MS)}`);
}

/** Reads a key by the name that a token gives, which may be any text. */
export function loadTokenKey(
  reader: Reader,
  kid: string,
): Promise<LoadedTokenKey> | LoadedTokenKey {
  if (!KEY_ID.test(kid)) return { kid, record: null };
  const loaded = (record: TokenKeyRecord | null) => ({
    kid,
    record: record !== null && record.expires_at > reader.now ? record : null,
  });
  const found = reader.guarded(tokenKeyKey(reader.snapshot.orgId, kid));
  return found instanceof Promise ? found.then(loaded) : loaded(found);
}

/** Secrets by the records that hold them sealed, for as long as those are held themselves. */
const OPENED = new WeakMap<TokenKeyRecord, Uint8Array>();

/** The secret of a key. @throws {CannotOpen} */
export function openTokenKey(
  sealer: Sealer,
  org: string,
  { kid, record }: LoadedTokenKey & { readonly record: TokenKeyRecord },
): Uint8Array {
  let secret = OPENED.get(record);
  if (secret === undefined) {
    secret = sealer.open(tokenKeyKey(org, kid), record.sealed);
    OPENED.set(record, secret);
  }
  return secret;
}

/** The secret that signs now, made in this commit when its period is new. @throws {CannotOpen} */
export function signingSecret(transaction: Transaction, key: LoadedTokenKey): Uint8Array {
  const { deps, snapshot: { orgId } } = transaction;
  if (key.record !== null) return openTokenKey(deps.sealer, orgId, { ...key, record: key.record });
  const storeKey = tokenKeyKey(orgId, key.kid);
  const secret = deps.random(SECRET_BYTES);
  const expireIn = KEY_PERIOD_MS + KEY_KEPT_MS;
  const record: TokenKeyRecord = {
    sealed: deps.sealer.seal(storeKey, secret),
    expires_at: transaction.now + expireIn,
  };
  transaction.setGuarded(storeKey, record, { expireIn });
  return secret;
}
