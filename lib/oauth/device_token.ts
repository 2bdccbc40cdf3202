import { createAgent, endAgent } from "../catalog/agents.ts";
import { createApiKey, DEFAULT_RATE_LIMIT, endApiKey } from "../catalog/api_keys.ts";
import { acting, memberCaller, readSession } from "../identity/acting.ts";
import type { Client, MemberCaller } from "../identity/caller.ts";
import { assertDemanded } from "../identity/deeds.ts";
import { isPlausibleSecret, SECRET_PREFIXES, secretHash } from "../identity/credentials.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { Refusal, type RefusalCode } from "../refusal.ts";
import type { Services } from "../services.ts";
import { credentialKey } from "../store/keys.ts";
import { commitOnce, readRecord } from "../store/kv.ts";
import { deviceLoginKey } from "../store/login_keys.ts";
import { type DeviceLogin, deviceLogin, type Gives } from "../store/records/device.ts";
import { credentialIndex } from "../store/records/identity.ts";
import type { SessionRecord } from "../store/records/people.ts";
import {
  askerOf,
  CLI_CLIENT,
  keptFor,
  loadLogin,
  polledLogin,
  pollOf,
  storeLogin,
} from "./device.ts";
import { NOT_GOOD, type TokenFault } from "./tokens.ts";

/**
 * What a computer at a terminal gets once somebody let it in (RFC 8628 sections 3.4 and 3.5): a
 * secret that is made in the commit that hands it out, once. Nothing is made before that, so nothing
 * is left where nobody comes for it; and nothing stays that nobody holds, or two do.
 */

/** The secret, and what it is of: known only now. */
export interface HandedOut {
  readonly secret: string;
  readonly gives: Gives;
  /** Of the agent or key. */
  readonly id: string;
  readonly name: string;
  readonly org: string;
  readonly org_name: string;
}

export type DeviceAnswer = HandedOut | TokenFault;

const PENDING = fault("authorization_pending", "Nobody has let this computer in yet.");
const SLOW_DOWN = fault("slow_down", "Wait 5 seconds longer between two polls, from now on.");
const DENIED = fault("access_denied", "It was denied, or whoever allowed it may not any more.");
const EXPIRED = fault("expired_token", "The code is over ten minutes old. Ask for a new one.");

/** As asking makes them: 32 random bytes in base64url. */
const DEVICE_CODE = /^[A-Za-z0-9_-]{43}$/;

/** Who lets a machine in or ends it where no person does so at that moment. */
const LOGIN = { type: "system", id: "login" } as const;

/**
 * Answers a poll. Of any number of polls one gets the secret. One that comes after it ends what was
 * made: either the answer got lost, and nobody has the secret, or two hold the code.
 * @throws {StoreUnavailable}
 */
export async function pollLogin(
  services: Services,
  presented: { readonly client_id: string; readonly device_code: string },
  client: Client,
): Promise<DeviceAnswer> {
  const { deps } = services;
  if (presented.client_id !== CLI_CLIENT) {
    return fault("invalid_client", `client_id must be ${CLI_CLIENT} for this grant.`);
  }
  // Found by its hash, so no comparison of codes leaks by its time how far they agree.
  if (!DEVICE_CODE.test(presented.device_code)) return NOT_GOOD;
  const hash = secretHash(presented.device_code);
  const key = deviceLoginKey(hash);
  const row = await readRecord(deps.kv, key, deviceLogin);
  if (row === null) return NOT_GOOD;
  const now = deps.now();
  const poll = pollOf(row.value, now);
  switch (poll) {
    case "hands_out":
      return await handOut(services, hash, row.value, client);
    case "repeats":
      await endRepeated(services, hash, row.value, client);
      return NOT_GOOD;
    case "ended":
      return NOT_GOOD;
    case "expired_token":
      return EXPIRED;
    case "access_denied":
      return DENIED;
    case "authorization_pending":
    case "slow_down": {
      const polled = polledLogin(row.value, poll, now);
      if (polled !== null) {
        // Whoever changed it meanwhile wins: the next poll sees what came of it.
        const touch = deps.kv.atomic().check({ key, versionstamp: row.versionstamp });
        await commitOnce(deps, touch.set(key, polled, { expireIn: keptFor(polled, now) }));
      }
      return poll === "slow_down" ? SLOW_DOWN : PENDING;
    }
  }
}

/** Refusals by which whoever let a computer in may not do so any more. */
const NO_LONGER: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "session_ended",
  "membership_ended",
  "role_required",
  "recovery_held",
]);

type Allowed = Extract<DeviceLogin["progress"], { state: "allowed" }>;

async function handOut(
  services: Services,
  hash: string,
  { progress }: DeviceLogin,
  client: Client,
): Promise<DeviceAnswer> {
  if (progress.state !== "allowed") return NOT_GOOD;
  try {
    const { org } = progress;
    return await services.ledgers.transact(org, handingOut(hash, progress, client));
  } catch (error) {
    if (error instanceof Refusal && NO_LONGER.has(error.code)) return DENIED;
    throw error;
  }
}

/**
 * Makes the agent or key for the member who let the computer in, by what they are at this moment.
 * Their session has to stand: what was done by one that they end is void.
 */
function handingOut(hash: string, allowed: Allowed, client: Client) {
  return acting<SessionRecord, MemberCaller, DeviceLogin | null, DeviceAnswer>({
    read: (reader) => readSession(reader, allowed.session),
    find(snapshot, now, session) {
      const caller = memberCaller(snapshot, session, now);
      // Their passkey signed this very login; a recovery since then says that it may be a stranger's.
      return { ...caller, fresh: caller.held_until === null };
    },
    wrote: assertDemanded,
  }, {
    load: (reader) => loadLogin(reader, hash),
    plan(transaction, caller, login): DeviceAnswer {
      const { progress } = login ?? { progress: { state: "pending" } };
      if (login === null || progress.state !== "allowed") return NOT_GOOD;
      if (pollOf(login, transaction.now) !== "hands_out") return EXPIRED;
      const made = make(transaction, caller, login, { hash, gives: progress.gives, client });
      const used: DeviceLogin = {
        ...login,
        progress: { ...progress, state: "used", made: made.id },
      };
      storeLogin(transaction, hash, used);
      return made;
    },
  });
}

function make(
  transaction: Transaction,
  caller: MemberCaller,
  login: DeviceLogin,
  { hash, gives, client }: {
    readonly hash: string;
    readonly gives: Gives;
    readonly client: Client;
  },
): HandedOut {
  const fields = {
    name: askerOf(transaction.deps, hash, login).name,
    trust_tier: 0,
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: DEFAULT_RATE_LIMIT,
    login: login.id,
  };
  const { request_id } = client;
  const off = { active: false, reason: null };
  const { record, secret } = gives === "agent"
    ? createAgent({ ...fields, kill_switch: off }, request_id)
      .plan(transaction, caller, undefined)
    : createApiKey({ ...fields, tier: "standard", audit_private: false }, request_id)
      .plan(transaction, caller, undefined);
  const { orgId, org } = transaction.snapshot;
  return { secret, gives, id: record.id, name: record.name, org: orgId, org_name: org.name };
}

/** Ends what a login gave, since its code came once more. */
async function endRepeated(
  services: Services,
  hash: string,
  { progress }: DeviceLogin,
  client: Client,
): Promise<void> {
  if (progress.state !== "used") return;
  await services.ledgers.transact(progress.org, {
    load: (reader) => loadLogin(reader, hash),
    plan(transaction, login): void {
      if (login?.progress.state !== "used") return;
      endMachine(transaction, login.progress.made, login.id, "code_reused", client);
      storeLogin(transaction, hash, { ...login, progress: { state: "reused" } });
    },
  });
}

/** Why what a login gave has ended. */
type LoginEnd = "code_reused" | "signed_out";

/** Ends what a login gave, as long as it is of that login still. */
function endMachine(
  transaction: Transaction,
  id: string,
  login: string,
  because: LoginEnd,
  { request_id }: Client,
): void {
  const { agents, apiKeys, exists } = transaction.snapshot;
  const agent = exists ? agents.get(id) : undefined;
  const apiKey = exists ? apiKeys.get(id) : undefined;
  const end = { actor: LOGIN, data: { because, request_id } };
  if (agent?.login === login) endAgent(transaction, agent, end);
  if (apiKey?.login === login) endApiKey(transaction, apiKey, end);
}

/** Whether a token that is handed back may be of a login (`endByHolder`). */
export function mayBeOfLogin(token: string): boolean {
  const { agent, standard } = SECRET_PREFIXES;
  return (token.startsWith(agent) || token.startsWith(standard)) && isPlausibleSecret(token);
}

/**
 * Ends what a login gave, by who holds its secret (RFC 7009): signing out at the terminal. What a
 * person or key made goes by those, whoever holds it.
 * @throws {StoreUnavailable}
 */
export async function endByHolder(
  { deps, ledgers }: Services,
  token: string,
  client: Client,
): Promise<void> {
  const hash = secretHash(token);
  const index = await readRecord(deps.kv, credentialKey(hash), credentialIndex);
  if (index === null) return;
  await ledgers.transact(index.value.org, {
    plan(transaction): void {
      const { snapshot } = transaction;
      const record = snapshot.exists ? snapshot.credential(hash)?.record : undefined;
      if (record?.login === undefined) return;
      endMachine(transaction, record.id, record.login, "signed_out", client);
    },
  });
}

function fault(error: TokenFault["error"], error_description: string): TokenFault {
  return { error, error_description };
}
