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
import { isPlausibleSecret, secretHash } from "./secret.ts";

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
  async present(secret: string): Promise<Presented> {
    // Found by its hash, so no comparison of secrets leaks by its time how far they agree.
    const hash = secretHash(secret);
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    if (!isPlausibleSecret(secret)) throw new Refusal("invalid_credentials", {});
    const { deps } = this.ledgers;
    const index = await readRecord(deps.kv, credentialKey(hash), credentialIndex);
    if (index === null) throw new Refusal("invalid_credentials", {});
    const presented: Presented = {
      org: index.value.org,
      secret_hash: hash,
      answer_key: subkey(new TextEncoder().encode(secret), "kept answers"),
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
  async caller(
    presented: Presented,
    allowed: readonly CallerTier[],
    since: number,
  ): Promise<MachineCaller> {
    const ledger = this.ledgers.of(presented.org);
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
    return await ledger.transact({ plan: (transaction) => find(transaction.snapshot) }, since);
  }
}
