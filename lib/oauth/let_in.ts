import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import type { JsonObject } from "../base/json.ts";
import { asMember, type MemberOperation } from "../identity/acting.ts";
import { actorOf, type Client, type MemberCaller, privateClient } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import { usablePasskeysOf } from "../identity/passkeys.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { challengeText, requestOptions } from "../passkeys/challenge.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { deviceStatement } from "../passkeys/statement.ts";
import {
  type GivenAnswer,
  type Handout,
  handOut,
  loadAnswer,
  type LoadedAssertion,
  refuseAssertion,
  storeUse,
  useCeremony,
} from "../people/ceremonies.ts";
import { counted } from "../people/email_codes.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services, Settings } from "../services.ts";
import { deviceTriesKey, deviceUserCodeKey } from "../store/login_keys.ts";
import {
  type DeviceAsker,
  type DeviceLogin,
  type DeviceTries,
  deviceTries,
  deviceUserCode,
  type Gives,
} from "../store/records/device.ts";
import {
  askerOf,
  groupedUserCode,
  loadLogin,
  pollOf,
  storeLogin,
  typedUserCode,
  userCodeMac,
} from "./device.ts";

/**
 * How a member lets a computer in that waits at its terminal: they type its code, see who asks, and
 * sign with their passkey what it gets. A code leads only to what waits for it, is typed by hand in a
 * session that has few tries, and is used up by an answer.
 */

/** Wrong codes that one session may type, and one person within a day, whatever the session. */
export const TRIES_A_SESSION = 5;

export const TRIES_A_DAY = 20;

const DAY = 24 * 60 * 60 * 1000;

/** A computer that waits, as who typed its code sees it. */
export interface SeenLogin extends DeviceAsker {
  /** In groups. */
  readonly user_code: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
  readonly org: string;
  readonly org_name: string;
  readonly member: string;
}

/** What was read for a typed code. */
interface LoadedLogin {
  /** Its letters; null for what is no code. */
  readonly code: string | null;
  readonly hash: string;
  readonly login: DeviceLogin | null;
  readonly tries: DeviceTries;
}

async function loadTyped(
  reader: Reader,
  caller: MemberCaller,
  deps: Services["deps"],
  typed: string,
) {
  const code = typedUserCode(typed);
  const tries = await reader.get(deviceTriesKey(caller.account), deviceTries);
  const found = code === null
    ? null
    : await reader.get(deviceUserCodeKey(userCodeMac(deps, code)), deviceUserCode);
  const hash = found?.value.login ?? "";
  const loaded: LoadedLogin = {
    code,
    hash,
    login: hash === "" ? null : await loadLogin(reader, hash),
    tries: tries?.value ?? { failed: [] },
  };
  return loaded;
}

/** A login that waits for an answer, and what names it. */
interface Waiting {
  readonly code: string;
  readonly hash: string;
  readonly login: DeviceLogin;
}

/**
 * The login that waits under a typed code. A wrong one is counted by the same commit, under a check
 * of the counts, so that of parallel tries no more are answered than there may be; what is over, or
 * answered, is as wrong as what never was. Where no tries are left, a right one is wrong too.
 */
function waitingUnder(
  transaction: Transaction,
  { account, session_id }: MemberCaller,
  { code, hash, login, tries }: LoadedLogin,
): Waiting | RecordedRefusal {
  const { now } = transaction;
  const failed = tries.failed.filter(({ at }) => isWithin(DAY, at, now));
  const leftOf = (before: DeviceTries["failed"]) =>
    Math.max(
      0,
      Math.min(
        TRIES_A_SESSION - before.filter(({ session }) => session === session_id).length,
        TRIES_A_DAY - before.length,
      ),
    );
  if (leftOf(failed) === 0) throw new Refusal("device_code_not_accepted", { left: 0 });
  const poll = login === null ? null : pollOf(login, now);
  const waits = poll === "authorization_pending" || poll === "slow_down";
  if (code !== null && login !== null && waits) return { code, hash, login };
  const next = [...failed, { session: session_id, at: now }];
  transaction.set(deviceTriesKey(account), { failed: next }, { expireIn: DAY });
  return recorded(new Refusal("device_code_not_accepted", { left: leftOf(next) }));
}

/**
 * Shows a member the computer that waits under a code.
 * @throws {Refusal} device_code_not_accepted, role_required, recovery_held
 */
export function seeLogin(
  { deps }: Pick<Services, "deps">,
  typed: string,
): MemberOperation<LoadedLogin, SeenLogin | RecordedRefusal> {
  return {
    load: (reader, caller) => loadTyped(reader, caller, deps, typed),
    plan(transaction, caller, loaded) {
      demand(caller, "let_in");
      const waiting = waitingUnder(transaction, caller, loaded);
      if (!("login" in waiting)) return waiting;
      const { org, id: member } = caller;
      const { code, hash, login } = waiting;
      return {
        ...askerOf(deps, hash, login),
        user_code: groupedUserCode(code),
        expires_at: login.expires_at,
        org,
        org_name: transaction.snapshot.org.name,
        member,
      };
    },
  };
}

/**
 * Says no to a computer.
 * @throws {Refusal} device_code_not_accepted, role_required, recovery_held
 */
export function denyLogin(
  { deps }: Pick<Services, "deps">,
  typed: string,
  client: Client,
): MemberOperation<LoadedLogin, DeviceAsker | RecordedRefusal> {
  return {
    load: (reader, caller) => loadTyped(reader, caller, deps, typed),
    plan(transaction, caller, loaded) {
      demand(caller, "let_in");
      const waiting = waitingUnder(transaction, caller, loaded);
      if (!("login" in waiting)) return waiting;
      const { hash, login } = waiting;
      const asker = askerOf(deps, hash, login);
      storeLogin(transaction, hash, { ...login, progress: { state: "denied" } });
      appendEntry(transaction, caller, "login.denied", { login, asker, client }, {});
      return asker;
    },
  };
}

/** Whoever lets a computer in. */
export interface LettingMember {
  readonly org: string;
  readonly session: PresentedSession;
}

/**
 * Begins to let a computer in: a nonce that is bound to this session and login. The page makes the
 * rest of what the passkey signs from what it shows, so the options have no challenge.
 * @throws {Refusal} device_code_not_accepted, role_required, recovery_held;
 *   assertion_not_accepted when the account has no passkey for this address
 */
export async function beginLetIn(
  services: Services,
  { org, session }: LettingMember,
  typed: string,
): Promise<Handout<PublicKeyCredentialRequestOptionsJSON>> {
  const { deps, ledgers, settings } = services;
  const passkeys = await usablePasskeysOf(services, session.record.account);
  if (passkeys.length === 0) {
    throw new Refusal("assertion_not_accepted", { why: "made_for_other_address" });
  }
  const rpId = settings.url.hostname;
  return await ledgers.transact(
    org,
    asMember(session, "configure", {
      load: (reader, caller) => loadTyped(reader, caller, deps, typed),
      plan(transaction, caller, loaded) {
        demand(caller, "let_in");
        const waiting = waitingUnder(transaction, caller, loaded);
        if (!("login" in waiting)) return waiting;
        const handed = handOut(transaction, {
          purpose: "device",
          bound: session.hash,
          account: caller.account,
          data: boundTo(org, waiting.hash),
        });
        return { ...handed, options: requestOptions({ rpId, challenge: "", passkeys }) };
      },
    }),
  );
}

/** What a nonce was handed out for: a login, in an org. */
function boundTo(org: string, login: string): JsonObject {
  return { org, login };
}

/** What a member says a computer gets, under their passkey. */
export interface GivenLogin extends GivenAnswer {
  readonly user_code: string;
  readonly gives: Gives;
}

interface LoadedLetIn {
  readonly typed: LoadedLogin;
  readonly assertion: LoadedAssertion;
}

/**
 * Lets a computer in. Its secret is made when it comes for it, for whoever this is then.
 * @throws {Refusal} device_code_not_accepted, assertion_not_accepted, role_required, recovery_held
 */
export async function letIn(
  services: Services,
  { org, session }: LettingMember,
  given: GivenLogin,
  client: Client,
): Promise<DeviceAsker> {
  const { deps, ledgers, settings } = services;
  return await counted(services, client, () =>
    ledgers.transact(
      org,
      asMember<LoadedLetIn, DeviceAsker | RecordedRefusal>(session, "configure", {
        async load(reader, caller) {
          const typed = await loadTyped(reader, caller, deps, given.user_code);
          const challenge = challengeFor(deps, settings, caller, typed, given);
          return { typed, assertion: await loadAnswer(reader, settings, given, () => challenge) };
        },
        plan(transaction, caller, { typed, assertion }) {
          demand(caller, "let_in");
          const waiting = waitingUnder(transaction, caller, typed);
          if (!("login" in waiting)) return waiting;
          const { hash, login } = waiting;
          const ceremony = useCeremony(transaction, assertion.ceremony, {
            purpose: "device",
            bound: session.hash,
          });
          if (ceremony.data?.login !== hash || ceremony.data.org !== org) {
            throw new Refusal("assertion_not_accepted", { why: "ceremony_ended" });
          }
          if (!assertion.ok) return refuseAssertion(transaction, assertion, client);
          if (assertion.account.id !== caller.account) {
            throw new Refusal("assertion_not_accepted", { why: "wrong_user" });
          }
          storeUse(transaction, assertion);
          const { gives } = given;
          const allowed = { org, member: caller.id, session: session.hash, gives };
          storeLogin(transaction, hash, { ...login, progress: { state: "allowed", ...allowed } });
          const asker = askerOf(deps, hash, login);
          appendEntry(transaction, caller, "login.allowed", { login, asker, client }, {
            gives,
            credential: credentialDigest(assertion.passkey.credential_id),
          });
          return asker;
        },
      }),
    ));
}

/** What the passkey must have signed: what the page showed, and what this answer says it gets. */
function challengeFor(
  deps: Services["deps"],
  { url }: Pick<Settings, "url">,
  { org, id: member }: MemberCaller,
  { code, hash, login }: LoadedLogin,
  { nonce, gives }: GivenLogin,
): string | null {
  if (code === null || login === null) return null;
  const { name, address } = askerOf(deps, hash, login);
  const issuer = url.origin;
  return challengeText(
    deviceStatement({ issuer, org, member, nonce, user_code: code, name, address, gives }),
  );
}

/** What a computer calls itself and where it asked from is said by nobody who answers for it. */
function appendEntry(
  transaction: Transaction,
  caller: MemberCaller,
  type: "login.allowed" | "login.denied",
  { login, asker, client }: {
    readonly login: DeviceLogin;
    readonly asker: DeviceAsker;
    readonly client: Client;
  },
  data: JsonObject,
): void {
  const { request_id } = client;
  transaction.append({
    type,
    actor: actorOf(caller),
    subject: { member: caller.id, login: login.id },
    data: { ...data, request_id },
    private: { computer: { ...asker }, client: privateClient(client) },
  });
}
