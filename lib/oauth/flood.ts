import type { Client } from "../identity/caller.ts";
import { sourceOf } from "../identity/limits.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import type { StoreKey } from "../store/keys.ts";
import { registrationTimes } from "../store/records/oauth.ts";

/**
 * How often strangers may have something kept for them: so often from one address, and so often in
 * all, within a time after which the store lets go of it. So it bounds what they can fill.
 */
export interface Flood {
  /** Where the times of one source lie, or of `all`. */
  readonly key: (source: string) => StoreKey;
  readonly purpose: string;
  readonly of_one: number;
  readonly of_all: number;
  /** Milliseconds. */
  readonly span: number;
}

/** More than may be. */
export interface TooMany {
  readonly retry_after_seconds: number;
}

/** The times of one source and of all, as they were read. */
export interface LoadedFlood {
  readonly flood: Flood;
  readonly counted: readonly {
    readonly source: string;
    readonly most: number;
    readonly times: number[];
  }[];
}

/** Reads how often it was; the commit checks that it stays so. */
export async function loadFlood(
  { deps }: Pick<Services, "deps">,
  reader: Reader,
  flood: Flood,
  { ip }: Pick<Client, "ip">,
): Promise<LoadedFlood> {
  const from = ip === null ? "unknown" : sourceOf(ip);
  const source = deps.sealer.mac(flood.purpose, from).toHex();
  const timesOf = async (name: string) => {
    const row = await reader.get(flood.key(name), registrationTimes);
    return (row?.value.at ?? []).filter((time) => isWithin(flood.span, time, reader.now));
  };
  return {
    flood,
    counted: [
      { source, most: flood.of_one, times: await timesOf(source) },
      { source: "all", most: flood.of_all, times: await timesOf("all") },
    ],
  };
}

/** Counts one more, in the commit of what it is; or says when there may be one, and counts nothing. */
export function countFlood(transaction: Transaction, loaded: LoadedFlood): TooMany | null {
  const { now } = transaction;
  const { flood: { key, span }, counted } = loaded;
  for (const { times, most } of counted) {
    const [oldest] = times.slice(-most);
    if (times.length >= most && oldest !== undefined) {
      return { retry_after_seconds: Math.max(1, Math.ceil((oldest + span - now) / 1000)) };
    }
  }
  for (const { source, times } of counted) {
    transaction.set(key(source), { at: [...times, now] }, { expireIn: span });
  }
  return null;
}
