import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { encodeCrockford } from "../base/id.ts";
import type { Ledgers } from "../ledger/ledgers.ts";
import { Refusal } from "../refusal.ts";
import { credentialKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { credentialIndex } from "../store/records/identity.ts";
import { subkey } from "../store/sealing.ts";
import {
  callerOf,
  type CallerTier,
  type MachineCaller,
  type Presented,
  requireTier,
} from "./caller.ts";
import { loadSubToken, subTokenCaller } from "./sub_token.ts";

/**
 * Secrets that are presented: how they are made, told from noise, and found by their hash. Only the
 * hash is stored, and a process remembers where a secret belongs, never that it is in force: that
 * is looked up inside of each operation (`callerOf`).
 */

/** How many known credentials a process remembers; beyond that it starts anew. */
const MAX_REMEMBERED = 10_000;

/** Finds out whose a presented secret is. */
export class Credentials {
  readonly #known = new Map<string, Presented>();

  constructor(readonly ledgers: Ledgers) {}

  /**
   * Where a secret belongs. Only that is remembered, never whether it is still in force; an unknown
   * secret is not remembered at all.
   * @throws {Refusal} invalid_credentials
   */
  present(secret: string): Presented | Promise<Presented> {
    // Found by its hash, so no comparison of secrets leaks by its time how far they agree.
    const hash = secretHash(secret);
    return this.#known.get(hash) ?? this.#find(secret, hash);
  }

  async #find(secret: string, hash: string): Promise<Presented> {
    if (!isPlausibleSecret(secret)) throw new Refusal("invalid_credentials", {});
    const { deps } = this.ledgers;
    const index = await readRecord(deps.kv, credentialKey(hash), credentialIndex);
    if (index === null) throw new Refusal("invalid_credentials", {});
    const presented: Presented = {
      org: index.value.org,
      secret_hash: hash,
      answer_key: subkey(new TextEncoder().encode(secret), "kept answers"),
      sub_token: index.value.kind === "sub_token" ? index.value.id : null,
    };
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    this.#known.set(hash, presented);
    return presented;
  }

  /**
   * The caller as this process last knew them: enough to count against a rate limit, and to go on to
   * the operation that finds them again. Whoever would be refused by that is looked up first. `since`
   * is when the request came, by the clock that only counts on.
   * @throws {Refusal} invalid_credentials, wrong_tier
   */
  caller(
    presented: Presented,
    allowed: readonly CallerTier[],
    since: number,
  ): MachineCaller | Promise<MachineCaller> {
    const ledger = this.ledgers.of(presented.org);
    const { sub_token } = presented;
    if (sub_token !== null) {
      return ledger.transact({
        load: (reader) => loadSubToken(reader, sub_token),
        plan(transaction, loaded) {
          const caller = subTokenCaller(transaction.snapshot, presented, loaded, transaction);
          requireTier(caller, allowed);
          return caller;
        },
      }, since);
    }
    const { knownSnapshot } = ledger;
    const find = (snapshot: NonNullable<typeof knownSnapshot>) => {
      const caller = callerOf(snapshot, presented, this.ledgers.deps.now());
      requireTier(caller, allowed);
      return caller;
    };
    if (knownSnapshot !== null) {
      try {
        return find(knownSnapshot);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    }
    return ledger.transact({ plan: (transaction) => find(transaction.snapshot) }, since);
  }
}

/** The prefixes of secrets, known to secret scanners. */
export const SECRET_PREFIXES = {
  standard: "cs_live_",
  management: "cs_mgmt_",
  approver: "cs_appr_",
  agent: "cs_agent_",
  access_token: "cs_at_",
  refresh_token: "cs_rt_",
  sub_token: "st_",
} as const;

export type SecretKind = keyof typeof SECRET_PREFIXES;

const BODY_BYTES = 20;

/** 20 bytes are 32 characters, 4 bytes of checksum are 7. */
const MADE_BODY = /^[0-9a-hjkmnp-tv-z]{39}$/;

/** A new secret: prefix, 160 random bits, and a checksum over both (CRC-32, as scanners expect). */
export function makeSecret(kind: SecretKind, random: (bytes: number) => Uint8Array): string {
  const text = SECRET_PREFIXES[kind] + encodeCrockford(random(BODY_BYTES));
  return text + checksum(text);
}

/** The kind that a presented secret claims by its prefix, or null. */
function secretKind(secret: string): SecretKind | null {
  for (const kind of Object.keys(SECRET_PREFIXES) as SecretKind[]) {
    if (secret.startsWith(SECRET_PREFIXES[kind])) return kind;
  }
  return null;
}

/**
 * False for text that cannot be a secret of this deployment, so that a mistyped or made-up one costs
 * no read of the store. A secret that an operator chose has no checksum and passes by its shape.
 */
export function isPlausibleSecret(secret: string): boolean {
  if (secret.length > 256 || !/^[\x21-\x7e]+$/.test(secret)) return false;
  const kind = secretKind(secret);
  if (kind === null) return false;
  const body = secret.slice(SECRET_PREFIXES[kind].length);
  if (!MADE_BODY.test(body)) return body.length >= 32;
  return checksum(secret.slice(0, -7)) === secret.slice(-7);
}

/** What the store keeps of a secret: 160 random bits need no slow hash. */
export function secretHash(secret: string): string {
  return hash("sha256", secret, "hex");
}

/** Seven characters by which a mistyped secret is told without a look at the store (CRC-32). */
export function checksum(text: string): string {
  const crc = crc32(text);
  return encodeCrockford(
    new Uint8Array([crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255]),
  );
}
