import { z } from "zod";
import type { Services } from "../services.ts";
import { vaultBeforeKey, vaultKey, vaultSecretKey } from "../store/gateway_keys.ts";
import type { SealedRowKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import {
  vaultBeforeRecord,
  type VaultRecord,
  vaultRecord,
  vaultSecretRecord,
} from "../store/records/vault.ts";
import { CannotOpen } from "../store/sealing.ts";
import type { Injection, NotSent, UpstreamCredential } from "../upstreams/port.ts";
import { keptUrl, needsReconnect } from "./grant.ts";
import { goesTo, injectionOf } from "./injection.ts";
import { accessOf } from "./refresh.ts";

/**
 * A credential on its way into requests: read, opened and compared with where it may go for each of
 * them, so that one that was removed or rotated goes nowhere from that commit on.
 */

/** What opens them. */
type Opening = Pick<Services, "deps" | "ledgers" | "settings">;

/** What requests carry; null for nothing. */
export function credentialFor(
  services: Opening,
  org: string,
  id: string | null,
): UpstreamCredential | null {
  return id === null ? null : new VaultCredential(services, org, id);
}

/** Which tokens an injection was made of. */
const GENERATIONS = new WeakMap<Injection, number>();

class VaultCredential implements UpstreamCredential {
  /** Of what kind it was last. */
  #kind: VaultRecord["kind"] | null = null;

  constructor(readonly services: Opening, readonly org: string, readonly id: string) {}

  get refused(): NotSent {
    const { services: { settings }, id } = this;
    return this.#kind === "oauth2"
      ? needsReconnect(settings, id)
      : withheld(REFUSED, { credential_id: id, connect_url: keptUrl(settings, id) });
  }

  async open(url: string): Promise<Injection | NotSent> {
    const { services: { deps }, org, id } = this;
    const key = vaultSecretKey(org, id);
    const [record, secret] = await Promise.all([
      this.#record(),
      readRecord(deps.kv, key, vaultSecretRecord),
    ]);
    const problem = problemOf(record, url);
    if (problem !== null) return problem;
    if (record?.kind === "oauth2") return await this.#issued(record);
    if (record === null || secret === null) return gone();
    const opened = this.#opened(key, secret.value.sealed);
    if (opened === null) return withheld(DAMAGED);
    return injectionOf(record, opened);
  }

  /** With the access token that is good now, or the one after it. */
  async #issued(
    record: VaultRecord,
    refused: number | null = null,
  ): Promise<Injection | NotSent> {
    const { services, org, id } = this;
    const unwanted = refused === null ? null : { generation: refused, because: "refused" } as const;
    const access = await accessOf(services, org, id, unwanted);
    if ("is" in access) return access;
    const injection = injectionOf(record, access.token);
    GENERATIONS.set(injection, access.generation);
    return injection;
  }

  /** Tokens after those that were refused; of others, what it was before it was rotated. */
  async instead(refused: Injection, url: string): Promise<Injection | NotSent | null> {
    const { services: { deps }, org, id } = this;
    const generation = GENERATIONS.get(refused);
    if (generation !== undefined) {
      const record = await this.#record();
      const problem = problemOf(record, url);
      if (problem !== null) return problem;
      return record === null ? gone() : await this.#issued(record, generation);
    }
    const key = vaultBeforeKey(org, id);
    const [record, before] = await Promise.all([
      this.#record(),
      readRecord(deps.kv, key, vaultBeforeRecord),
    ]);
    const problem = problemOf(record, url);
    if (problem !== null) return problem;
    if (record === null || before === null || before.value.expires_at <= deps.now()) return null;
    const opened = this.#opened(key, before.value.sealed);
    if (opened === null) return null;
    const other = injectionOf(record, opened);
    return {
      ...other,
      // The new one was sent a moment ago, and may be repeated as well.
      async withoutIt(json, turn) {
        const first = await other.withoutIt(json, turn);
        const { value, count } = await refused.withoutIt(first.value, turn);
        return { value, count: first.count + count };
      },
    };
  }

  /** Null where it does not open, which whoever runs the deployment is told. */
  #opened(key: SealedRowKey, sealed: Uint8Array): string | null {
    const { deps: { sealer, log } } = this.services;
    try {
      return z.string().parse(sealer.openJson(key, sealed));
    } catch (error) {
      if (!(error instanceof CannotOpen)) throw error;
      log("error", "A credential of the vault does not open", { error: error.message });
      return null;
    }
  }

  async #record(): Promise<VaultRecord | null> {
    const { services: { deps }, org, id } = this;
    const record = (await readRecord(deps.kv, vaultKey(org, id), vaultRecord))?.value ?? null;
    this.#kind = record?.kind ?? null;
    return record;
  }
}

/** Why nothing may be sent to an address; null for no reason. */
function problemOf(record: VaultRecord | null, url: string): NotSent | null {
  if (record === null) return gone();
  return goesTo(record, url)
    ? null
    : withheld(`The credential ${record.id} may not go to where this upstream is.`);
}

const REFUSED = "It answered 401: it does not take the credential that is kept for it.";

const DAMAGED =
  "The credential that is kept for it does not open: the log of this server says why.";

/** What is said of a credential that an upstream names and that is not there any more. */
export const GONE = "The credential that is named for it is not there any more.";

function gone(): NotSent {
  return withheld(GONE);
}

function withheld(says: string, reconnect?: NotSent["reconnect"]): NotSent {
  const place = reconnect === undefined ? {} : { reconnect };
  return { is: "not_sent", why: "unauthorized", says, retry_after_seconds: null, ...place };
}
