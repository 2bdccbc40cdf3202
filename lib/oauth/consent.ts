import { type AccountCaller, asAccount } from "../identity/acting.ts";
import { type Client, privateClient } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { roleReaches } from "../identity/grant_caller.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { listAccountGrants } from "../identity/grant_entries.ts";
import type { Operation, Reader, Transaction } from "../ledger/transaction.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { consentStatement } from "../passkeys/statement.ts";
import {
  type GivenAnswer,
  loadAnswer,
  type LoadedAssertion,
  type LoadedCeremony,
  refuseAssertion,
  storeUse,
  useCeremony,
} from "../people/ceremonies.ts";
import { counted } from "../people/email_codes.ts";
import { MAX_ORGS } from "../people/membership.ts";
import type { Role } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { invalidRequest, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import {
  accountGrantKey,
  accountKey,
  DEPLOYMENT_ORG,
  grantKey,
  oauthCodeKey,
} from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type { DueWork } from "../store/records/log.ts";
import {
  type AccountGrant,
  type CodeRecord,
  type ConsentRequest,
  consentRequest,
  type GrantRecord,
  type Scope,
  SCOPES,
} from "../store/records/oauth.ts";
import { accountRecord } from "../store/records/people.ts";
import { answerUrl } from "./authorize.ts";
import { loadClient, type LoadedClient, touchClient } from "./client.ts";
import { endGrant, type GrantEnd, loadAccountGrant, scheduleGrantEnd, settle } from "./grants.ts";
import { redirectTarget } from "./redirect_uri.ts";
import { ONE_ORG } from "./scopes.ts";
import { CODE_MS, REFRESH_TOKEN_MS } from "./tokens.ts";

/**
 * What a person lets a client do, under their passkey: the grant, first in their account and then
 * in the policy of each org, and the code that the client gets for it.
 */

/** What a person ticked, under their passkey. */
interface GivenConsent extends GivenAnswer {
  readonly scopes: readonly Scope[];
  readonly orgs: readonly string[];
}

/**
 * Lets a client act for whoever is signed in, and gives the address that takes its code there.
 *
 * One commit uses the nonce up, and writes grant and code; then each org takes the grant into its
 * policy; only then is the code told to anybody. Whatever breaks off before that leaves a grant that
 * nobody has a code for, which ends with the code's minute.
 * @throws {Refusal} session_ended, assertion_not_accepted; invalid_request for what cannot be ticked
 */
export async function allowConsent(
  services: Services,
  session: PresentedSession,
  given: GivenConsent,
  client: Client,
): Promise<{ readonly redirect: string }> {
  const { ledgers, settings } = services;
  await requireOrgs(services, session.record.account, given);
  const allowed = await counted(services, client, () =>
    ledgers.transact(
      DEPLOYMENT_ORG,
      asAccount(session, {
        async load(reader, { account }) {
          const challengeOf = (ceremony: LoadedCeremony) => challengeFor(services, ceremony, given);
          const assertion = await loadAnswer(reader, settings, given, challengeOf);
          const client_id = requestOf(assertion.ceremony)?.client_id ?? "";
          const registered = await loadClient(reader, client_id);
          return { assertion, registered, crowded: await crowdedOut(reader, account.id) };
        },
        plan: (transaction, caller, loaded) => allow(transaction, caller, loaded, given, client),
      }),
    ));
  const { grant, request, code, consent, works } = allowed;
  await settle(services, works);
  const taken: boolean[] = [];
  for (const org of grant.orgs) taken.push(await ledgers.transact(org, grantInOrg(grant, consent)));
  if (!taken.includes(true)) {
    await endUnused(services, grant, client);
    throw invalidRequest("/orgs", "name no organization that you are still a member of");
  }
  return { redirect: answerUrl(request, { code }, settings.url.origin) };
}

/** What a consent came to. */
interface Allowed {
  readonly grant: AccountGrant;
  readonly request: ConsentRequest;
  /** Known only now. */
  readonly code: string;
  readonly consent: ConsentOf;
  /** What is left to do for the orgs of grants that it took the place of. */
  readonly works: readonly DueWork[];
}

/**
 * Connections that one person may have; one more ends those that were refreshed least lately. Each takes
 * a passkey, and whoever has one of theirs could else make so many that no commit has room to end them:
 * then neither a recovery nor an owner could shut them out.
 */
export const MAX_GRANTS = 100;

/** How many of too many end at once. */
const CROWDED_OUT = 50;

/** What ends when one more begins. Read without a check: of two at once the second reads again. */
async function crowdedOut({ kv }: Pick<Reader, "kv">, account: string): Promise<AccountGrant[]> {
  const grants = await listAccountGrants(kv, account);
  const surplus = Math.min(CROWDED_OUT, Math.max(0, grants.length - MAX_GRANTS + 1));
  return grants.sort((a, b) => usedAt(a) - usedAt(b)).slice(0, surplus);
}

/** When a grant was made or last refreshed, milliseconds. */
function usedAt({ created_at, expires_at }: AccountGrant): number {
  return Math.max(created_at, expires_at - REFRESH_TOKEN_MS);
}

function allow(
  transaction: Transaction,
  { account, session }: AccountCaller,
  { assertion, registered, crowded }: {
    readonly assertion: LoadedAssertion;
    readonly registered: LoadedClient;
    readonly crowded: readonly AccountGrant[];
  },
  { scopes, orgs }: GivenConsent,
  client: Client,
): Allowed | RecordedRefusal {
  useCeremony(transaction, assertion.ceremony, { purpose: "consent", bound: session.hash });
  const request = requestOf(assertion.ceremony);
  if (request === null) throw new Refusal("assertion_not_accepted", { why: "ceremony_ended" });
  if (!assertion.ok) return refuseAssertion(transaction, assertion, client);
  if (assertion.account.id !== account.id) {
    throw new Refusal("assertion_not_accepted", { why: "wrong_user" });
  }
  if (registered === "ended") throw new Refusal("not_found", { what: "program that asks" });
  const beyond = scopes.find((scope) => !request.scopes.includes(scope));
  if (beyond !== undefined) {
    throw invalidRequest("/scopes", `hold ${beyond}, which nobody asked for`);
  }
  storeUse(transaction, assertion);
  touchClient(transaction, registered);
  // Of two that are allowed at once the second counts again.
  transaction.set(accountKey(account.id), account);
  const because = "crowded_out" satisfies GrantEnd;
  const works = crowded.flatMap((old) =>
    endGrant(transaction, old, { by: "system", data: { because } }, client)
  );
  const { at, now, deps } = transaction;
  const { client_id, client_name, client_kind, redirect_uri, code_challenge, resource } = request;
  const target = redirectTarget(redirect_uri);
  const grant: AccountGrant = {
    id: transaction.id("grt"),
    account: account.id,
    client_id,
    client_name,
    client_kind,
    verified: client_kind === "metadata_document" && target.kind === "host",
    scopes: [...new Set(scopes)],
    orgs: [...new Set(orgs)],
    resource,
    created_at: at,
    expires_at: now + CODE_MS,
  };
  const code = deps.random(32).toBase64({ alphabet: "base64url", omitPadding: true });
  const record: CodeRecord = {
    grant: grant.id,
    account: account.id,
    client_id,
    redirect_uri,
    code_challenge,
    resource,
    expires_at: grant.expires_at,
    used_at: null,
  };
  transaction.set(accountGrantKey(account.id, grant.id), grant);
  transaction.set(oauthCodeKey(secretHash(code)), record, { expireIn: CODE_MS });
  scheduleGrantEnd(transaction, grant);
  const consent: ConsentOf = {
    credential: credentialDigest(assertion.passkey.credential_id),
    redirect: target.shown,
    client,
  };
  transaction.append({
    type: "oauth.authorized",
    actor: { type: "account", id: account.id },
    subject: { account: account.id, grant: grant.id },
    data: {
      client_id,
      client_name,
      client_kind,
      verified: grant.verified,
      scopes: grant.scopes,
      resource,
      orgs: grant.orgs,
      redirect: consent.redirect,
      credential: consent.credential,
      request_id: client.request_id,
    },
    private: { client: privateClient(client) },
  });
  return { grant, request, code, consent, works };
}

/** @throws {Refusal} invalid_request, before a passkey is used up for nothing */
async function requireOrgs(
  services: Services,
  account: string,
  { scopes, orgs }: GivenConsent,
): Promise<void> {
  if (scopes.length === 0) throw invalidRequest("/scopes", "must name at least one thing");
  if (orgs.length === 0 || orgs.length > MAX_ORGS) {
    throw invalidRequest("/orgs", `must name 1 to ${MAX_ORGS} organizations`);
  }
  if (orgs.length > 1 && scopes.some((scope) => ONE_ORG.has(scope))) {
    throw invalidRequest("/orgs", "must name one organization: its tools are those that run");
  }
  const own = new Map((await consentOrgs(services, account)).map((org) => [org.id, org]));
  for (const id of orgs) {
    const org = own.get(id);
    if (org === undefined) {
      throw invalidRequest("/orgs", "hold one that you are no member of");
    }
    if (org.held_until !== null) {
      throw new Refusal("recovery_held", { until: new Date(org.held_until).toISOString() });
    }
    if (!scopes.some((scope) => org.scopes.includes(scope))) {
      throw new Refusal("role_required", { role: org.role, right: "grant_write" });
    }
  }
}

/** What the passkey must have signed: what was asked, and what this answer says was ticked. */
function challengeFor(
  { settings }: Pick<Services, "settings">,
  ceremony: LoadedCeremony,
  { scopes, orgs }: GivenConsent,
): string | null {
  const request = requestOf(ceremony);
  if (request === null) return null;
  const { client_id, redirect_uri, code_challenge, resource } = request;
  const issuer = settings.url.origin;
  const asked = { client_id, redirect_uri, code_challenge, resource };
  return challengeText(
    consentStatement({ issuer, nonce: ceremony.nonce, ...asked, scopes, orgs }),
  );
}

function requestOf({ record }: LoadedCeremony): ConsentRequest | null {
  const parsed = consentRequest.safeParse(record?.purpose === "consent" ? record.data : null);
  return parsed.success ? parsed.data : null;
}

async function endUnused(services: Services, grant: AccountGrant, client: Client): Promise<void> {
  const data = { because: "no_organization" satisfies GrantEnd };
  const works = await services.ledgers.transact(DEPLOYMENT_ORG, {
    plan: (transaction) => endGrant(transaction, grant, { by: "system", data }, client),
  });
  await settle(services, works);
}

/** An org that a person can let a client act in. */
export interface ConsentOrg {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** What their role there can let it do. */
  readonly scopes: readonly Scope[];
  /** Until when a recovery of their account keeps them from it, milliseconds; null when none does. */
  readonly held_until: number | null;
}

/** The orgs of an account at this moment, the last used first. @throws {StoreUnavailable} */
export async function consentOrgs(
  { deps, ledgers }: Pick<Services, "deps" | "ledgers">,
  account: string,
): Promise<ConsentOrg[]> {
  const row = await readRecord(deps.kv, accountKey(account), accountRecord);
  const found = await Promise.all((row?.value.orgs ?? []).map((org) =>
    ledgers.transact(org, {
      plan: ({ snapshot, now }) => consentOrg(snapshot, account, now),
    })
  ));
  return found.filter((org) => org !== null);
}

/** The org of a snapshot as `account` can let a client act in it; null when they are no member. */
function consentOrg(snapshot: Snapshot, account: string, now: number): ConsentOrg | null {
  const member = snapshot.exists ? snapshot.memberOf(account) : undefined;
  if (member === undefined) return null;
  const { role, held_until } = member;
  return {
    id: snapshot.orgId,
    name: snapshot.org.name,
    role,
    scopes: SCOPES.filter((scope) => roleReaches(role, scope)),
    held_until: held_until !== null && held_until > now ? held_until : null,
  };
}

/** How a consent was given. */
interface ConsentOf {
  /** Digest of the passkey that signed it. */
  readonly credential: string;
  /** Where its code goes, as the person was shown it. */
  readonly redirect: string;
  readonly client: Client;
}

/**
 * Takes a grant into the policy of one of its orgs; false where that is not to be: the membership or
 * the grant ended meanwhile, or a recovery holds the member. The commit checks that the grant stands,
 * so one that is revoked at this moment does not come back.
 */
function grantInOrg(
  grant: AccountGrant,
  { credential, redirect, client }: ConsentOf,
): Operation<boolean, boolean> {
  return {
    load: async (reader) => {
      const name = { account: grant.account, grant: grant.id };
      return await loadAccountGrant(reader, name) !== null;
    },
    plan(transaction, stands) {
      const { snapshot, now } = transaction;
      const org = consentOrg(snapshot, grant.account, now);
      const member = snapshot.memberOf(grant.account);
      if (!stands || org === null || org.held_until !== null || member === undefined) return false;
      const { id, account, client_id, client_name, client_kind, verified, scopes, resource } =
        grant;
      const record: GrantRecord = {
        id,
        account,
        member: member.id,
        client_id,
        client_name,
        client_kind,
        verified,
        scopes,
        resource,
        created_at: grant.created_at,
      };
      transaction.setPolicy(grantKey(snapshot.orgId, id), record);
      transaction.append({
        type: "oauth.authorized",
        actor: { type: "member", id: member.id },
        subject: { member: member.id, grant: id },
        data: {
          client_id,
          client_name,
          client_kind,
          verified,
          scopes,
          resource,
          redirect,
          credential,
          policy_version: transaction.policyVersion,
          request_id: client.request_id,
        },
        private: { client: privateClient(client) },
      });
      return true;
    },
  };
}
