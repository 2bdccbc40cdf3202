import { externalIdProblem } from "../base/text.ts";
import type { Deps } from "../deps.ts";
import type { Client } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { isWithin, stillLasts } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG } from "../store/keys.ts";
import { deviceLoginKey, deviceRequestsKey, deviceUserCodeKey } from "../store/login_keys.ts";
import { parseRecord } from "../store/record.ts";
import {
  type DeviceAsker,
  deviceAsker,
  type DeviceLogin,
  deviceLogin,
  deviceUserCode,
} from "../store/records/device.ts";
import { countFlood, type Flood, loadFlood, type TooMany } from "./flood.ts";

/**
 * Logins at a terminal (RFC 8628): a computer asks, a person types the code that it shows, and lets
 * it in. Its request grants nothing and is no entry of any log; it is kept for some minutes, few at
 * a time.
 */

/** The one client that asks so: our command line, known to everybody and vouched for by nobody. */
export const CLI_CLIENT = "countersign-cli";

/** How long the codes of a login count, milliseconds. */
export const LOGIN_MS = 10 * 60 * 1000;

/** How much longer it is kept, so that a late poll is told why it is over. */
const KEPT_MS = 10 * 60 * 1000;

/** Seconds between two polls at first, by how much each early one adds, and the most. */
export const INTERVAL = 5;

const MOST_INTERVAL = 60;

/** Logins that may wait within ten minutes, of one address and in all. */
export const LOGINS_OF_ONE = 30;

export const LOGINS_OF_ALL = 1000;

const REQUESTS: Flood = {
  key: deviceRequestsKey,
  purpose: "device login",
  of_one: LOGINS_OF_ONE,
  of_all: LOGINS_OF_ALL,
  span: LOGIN_MS,
};

/** As RFC 8628 section 6.1 has it: no vowels, so no words; no digits, so nothing that looks alike. */
const ALPHABET = "BCDFGHJKLMNPQRSTVWXZ";

const CODE_LETTERS = 8;

const MAX_NAME = 64;

const UNNAMED = "Unnamed computer";

/** What a computer is told when it asks: the one time that its codes are known. */
export interface AskedLogin {
  readonly device_code: string;
  /** In two groups. */
  readonly user_code: string;
  readonly expires_in: number;
  readonly interval: number;
}

/**
 * Takes the request of a computer that wants to be let in.
 * @param name what it calls itself
 * @throws {StoreUnavailable}
 */
export async function askLogin(
  services: Services,
  name: string | null,
  client: Client,
): Promise<AskedLogin | TooMany> {
  const { deps, ledgers } = services;
  const device_code = deps.random(32).toBase64({ alphabet: "base64url", omitPadding: true });
  const hash = secretHash(device_code);
  const asker: DeviceAsker = { name: nameOf(name), address: client.ip };
  for (;;) {
    const user_code = makeUserCode(deps);
    const codeKey = deviceUserCodeKey(userCodeMac(deps, user_code));
    const asked = await ledgers.transact(DEPLOYMENT_ORG, {
      load: async (reader) => ({
        flood: await loadFlood(services, reader, REQUESTS, client),
        isTaken: await reader.get(codeKey, deviceUserCode) !== null,
      }),
      plan(transaction, { flood, isTaken }): TooMany | "taken" | "asked" {
        if (isTaken) return "taken";
        const tooMany = countFlood(transaction, flood);
        if (tooMany !== null) return tooMany;
        const { now } = transaction;
        const login: DeviceLogin = {
          id: transaction.id("lgn"),
          sealed: deps.sealer.sealJson(deviceLoginKey(hash), { ...asker }),
          polled_at: 0,
          interval: INTERVAL,
          progress: { state: "pending" },
          expires_at: now + LOGIN_MS,
        };
        storeLogin(transaction, hash, login);
        transaction.set(codeKey, { login: hash }, { expireIn: LOGIN_MS });
        return "asked";
      },
    });
    if (asked === "taken") continue;
    if (asked !== "asked") return asked;
    const expires_in = LOGIN_MS / 1000;
    return { device_code, user_code: groupedUserCode(user_code), expires_in, interval: INTERVAL };
  }
}

/** Writes a login; its row stays a while after its codes are over. */
export function storeLogin(transaction: Transaction, hash: string, login: DeviceLogin): void {
  const expireIn = keptFor(login, transaction.now);
  transaction.set(deviceLoginKey(hash), login, { expireIn });
}

/** How long the row of a login is kept from `now` on, milliseconds. */
export function keptFor({ expires_at }: DeviceLogin, now: number): number {
  return Math.max(1, expires_at + KEPT_MS - now);
}

/** Reads a login; the commit checks that it stays as it was read. */
export async function loadLogin(reader: Reader, hash: string): Promise<DeviceLogin | null> {
  return (await reader.get(deviceLoginKey(hash), deviceLogin))?.value ?? null;
}

/** What a poll of a login comes to. */
type Poll =
  /** Nobody has answered yet. */
  | "authorization_pending"
  /** The same, and it asks too often. */
  | "slow_down"
  | "access_denied"
  | "expired_token"
  /** It was let in: it gets its secret. */
  | "hands_out"
  /** It had its secret already. */
  | "repeats"
  /** Its code was used twice, and is good for nothing. */
  | "ended";

/**
 * The states of a login as its computer sees them (RFC 8628 section 3.5), `now` in milliseconds:
 *
 * | login   | within its ten minutes              | after them      |
 * | ------- | ----------------------------------- | --------------- |
 * | pending | authorization_pending, or slow_down | expired_token   |
 * | allowed | hands_out                           | expired_token   |
 * | denied  | access_denied                       | expired_token   |
 * | used    | repeats                             | repeats         |
 * | reused  | ended                               | ended           |
 */
export function pollOf(login: DeviceLogin, now: number): Poll {
  const { progress: { state }, expires_at, polled_at, interval } = login;
  if (state === "used") return "repeats";
  if (state === "reused") return "ended";
  if (!stillLasts(expires_at, LOGIN_MS, now)) return "expired_token";
  if (state === "denied") return "access_denied";
  if (state === "allowed") return "hands_out";
  return isWithin(interval * 1000, polled_at, now) ? "slow_down" : "authorization_pending";
}

/**
 * A login after a poll that was not answered for good. An early one lengthens the interval for all
 * that follow (RFC 8628 section 3.5); once that is as long as it gets, it changes nothing more.
 */
export function polledLogin(login: DeviceLogin, poll: Poll, now: number): DeviceLogin | null {
  if (poll === "authorization_pending") return { ...login, polled_at: now };
  const interval = Math.min(MOST_INTERVAL, login.interval + INTERVAL);
  if (poll !== "slow_down" || interval === login.interval) return null;
  return { ...login, interval };
}

/** The letters of a code as a person typed it, whatever groups them; null when it is none. */
export function typedUserCode(typed: string): string | null {
  if (typed.length > 4 * CODE_LETTERS) return null;
  const letters = typed.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
  const isCode = letters.length === CODE_LETTERS &&
    [...letters].every((letter) => ALPHABET.includes(letter));
  return isCode ? letters : null;
}

/** A code in two groups, as terminals and pages show it. */
export function groupedUserCode(code: string): string {
  return `${code.slice(0, CODE_LETTERS / 2)}-${code.slice(CODE_LETTERS / 2)}`;
}

/** What the row of a typed code lies under, so that no comparison tells how far two agree. */
export function userCodeMac({ sealer }: Pick<Deps, "sealer">, code: string): string {
  return sealer.mac("device user code", code).toHex();
}

/** Each letter equally likely. */
function makeUserCode({ random }: Pick<Deps, "random">): string {
  const even = 256 - 256 % ALPHABET.length;
  let code = "";
  while (code.length < CODE_LETTERS) {
    for (const byte of random(CODE_LETTERS)) {
      if (byte < even && code.length < CODE_LETTERS) code += ALPHABET[byte % ALPHABET.length];
    }
  }
  return code;
}

/** A name that an agent may have, and approvers may read; a word for one that is none. */
function nameOf(name: string | null): string {
  const text = [...(name ?? "").normalize("NFC").trim()].slice(0, MAX_NAME).join("").trim();
  return text === "" || externalIdProblem(text) !== null ? UNNAMED : text;
}

/** What a computer said of itself, and where it asked from. @throws {CannotOpen} */
export function askerOf(
  { sealer }: Pick<Deps, "sealer">,
  hash: string,
  { sealed }: DeviceLogin,
): DeviceAsker {
  const key = deviceLoginKey(hash);
  return parseRecord(key, deviceAsker, sealer.openJson(key, sealed));
}
