import type { PublicKeyCredentialCreationOptionsJSON } from "@simplewebauthn/server";
import { toBase64Url, toHex } from "../base/bytes.ts";
import { sha256 } from "../base/sha256.ts";
import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, hasExpired } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { Operation, Transaction } from "../ledger/transaction.ts";
import { loadUserPasskeys } from "../mandates/user_passkeys.ts";
import { challengeText, creationOptions } from "../passkeys/challenge.ts";
import type { RegistrationResponse } from "../passkeys/responses.ts";
import { ceremonyStatement } from "../passkeys/statement.ts";
import { type EnrolmentVerdict, verifyEnrolment } from "../passkeys/verify.ts";
import { recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services, Settings } from "../services.ts";
import { readRecord } from "../store/kv.ts";
import { userEnrolmentKey } from "../store/mandate_keys.ts";
import { type UserEnrolment, userEnrolment, type UserPasskeys } from "../store/records/user.ts";
import { requireUserPasskeys, storeUserPasskeys, USER_PASSKEY_LIMITS } from "./passkeys.ts";

/**
 * A user makes a passkey on our page, by a link that their application sends them: it serves once, for a
 * quarter of an hour. Whoever has it first makes the passkey, so it is never in an agent's answer.
 */

const LINK_MS = 15 * 60 * 1000;

/** A link as it was made: the only time that its secret is known. */
export interface MadeLink {
  readonly secret: string;
  /** Milliseconds. */
  readonly expires_at: number;
}

/** Makes a link by which a user makes a passkey. @throws {Refusal} wrong_tier, tenant_not_permitted */
export function makeEnrolment(user: string, request_id: string): CallerOperation<void, MadeLink> {
  return {
    plan(transaction, caller) {
      requireUserPasskeys(caller);
      const { deps, now, snapshot } = transaction;
      assertNoPersonalIds(snapshot.org, { "/user_id": user });
      const secret = toBase64Url(deps.random(32));
      const expires_at = now + LINK_MS;
      const link: UserEnrolment = {
        org: snapshot.orgId,
        user_id: user,
        api_key: caller.id,
        created_at: now,
        expires_at,
      };
      const hash = secretHash(secret);
      transaction.set(userEnrolmentKey(hash), link, { expireIn: LINK_MS });
      transaction.append({
        type: "user.enrolment_opened",
        actor: actorOf(caller),
        subject: {},
        data: {
          enrolment: enrolmentName(hash),
          expires_at: new Date(expires_at).toISOString(),
          request_id,
        },
        private: { user_id: user },
      });
      return { secret, expires_at };
    },
  };
}

/** What entries call a link: nobody gets from that to its secret. */
function enrolmentName(hash: string): string {
  return `sha256:${hash}`;
}

/** What the page of a link shows. */
export interface SeenEnrolment {
  readonly org: string;
  readonly org_name: string;
  readonly user_id: string;
  /** How many passkeys speak for the user already. */
  readonly count: number;
  readonly options: PublicKeyCredentialCreationOptionsJSON;
}

/** Looks at a link; null for one that is used, over or none. */
export async function seeEnrolment(
  { deps, ledgers, settings }: Pick<Services, "deps" | "ledgers" | "settings">,
  secret: string,
): Promise<SeenEnrolment | null> {
  const link = await readLink({ deps }, secret);
  if (link === null) return null;
  const { org, user_id } = link;
  return await ledgers.transact(org, {
    load: (reader) => loadUserPasskeys(reader, user_id),
    plan(transaction, { passkeys }: UserPasskeys) {
      if (!isOpen(link, transaction)) return null;
      const { snapshot } = transaction;
      const rpId = settings.url.hostname;
      const own = passkeys.filter(({ rp_id }) => rp_id === rpId)
        .map(({ credential_id }) => ({ credential_id, transports: [] }));
      const account = { id: handleOf(org, user_id), email: user_id };
      const options = creationOptions({ rpId, challenge: "", account, passkeys: own });
      return { org, org_name: snapshot.org.name, user_id, count: passkeys.length, options };
    },
  });
}

/** The name that a passkey carries for a user: 64 bytes, which tell nothing of them. */
function handleOf(org: string, user: string): string {
  return toHex(sha256(new TextEncoder().encode(JSON.stringify([org, user]))));
}

/** Whether a link serves still: within its time, and while the key that made it may make one. */
function isOpen(link: UserEnrolment, { snapshot, now }: Pick<Transaction, "snapshot" | "now">) {
  const key = snapshot.apiKeys.get(link.api_key);
  return key !== undefined && key.user_passkeys && !hasExpired(key, now) &&
    stillLasts(link.expires_at, LINK_MS, now);
}

async function readLink(
  { deps }: Pick<Services, "deps">,
  secret: string,
): Promise<UserEnrolment | null> {
  const found = await readRecord(deps.kv, userEnrolmentKey(secretHash(secret)), userEnrolment);
  return found !== null && stillLasts(found.value.expires_at, LINK_MS, deps.now())
    ? found.value
    : null;
}

interface LoadedEnrolment {
  readonly link: UserEnrolment | null;
  readonly old: UserPasskeys;
  readonly verdict: EnrolmentVerdict;
}

/**
 * Has the passkey that was made by a link speak for its user, in the commit that uses the link up.
 * @throws {Refusal} confirmation_gone, assertion_not_accepted
 */
export async function finishEnrolment(
  services: Pick<Services, "deps" | "ledgers" | "settings">,
  secret: string,
  response: RegistrationResponse,
  request_id: string,
): Promise<void> {
  const link = await readLink(services, secret);
  if (link === null) throw new Refusal("confirmation_gone", {});
  await services.ledgers.transact(
    link.org,
    finishing(services.settings, secret, response, { user: link.user_id, request_id }),
  );
}

function finishing(
  { url }: Pick<Settings, "url">,
  secret: string,
  response: RegistrationResponse,
  { user, request_id }: { readonly user: string; readonly request_id: string },
): Operation<LoadedEnrolment, null | RecordedRefusal> {
  const hash = secretHash(secret);
  const key = userEnrolmentKey(hash);
  return {
    async load(reader) {
      const [found, old, verdict] = await Promise.all([
        reader.get(key, userEnrolment),
        loadUserPasskeys(reader, user),
        verifyEnrolment({
          response,
          challenge: challengeText(ceremonyStatement("enrolment", url.origin, secret)),
          origin: url.origin,
          rpId: url.hostname,
        }),
      ]);
      return { link: found?.value ?? null, old, verdict };
    },
    plan(transaction, { link, old, verdict }) {
      if (link === null || !isOpen(link, transaction)) {
        return recorded(new Refusal("confirmation_gone", {}));
      }
      if (!verdict.ok) return recorded(new Refusal("assertion_not_accepted", { why: verdict.why }));
      const { credential_id, public_key } = verdict.credential;
      const isKnown = old.passkeys.some((one) => one.credential_id === credential_id);
      if (isKnown || old.passkeys.length >= USER_PASSKEY_LIMITS.passkeys) {
        return recorded(new Refusal("assertion_not_accepted", { why: "passkey_taken" }));
      }
      transaction.delete(key);
      const made = { credential_id, public_key, rp_id: url.hostname, origins: [url.origin] };
      const given = [...old.passkeys, made];
      const actor = { type: "user", id: "enrolment" } as const;
      const how = { registered_by: link.api_key, by_link: true };
      const enrolment = enrolmentName(hash);
      storeUserPasskeys(transaction, { user, old, given, how, enrolment, request_id }, actor);
      return null;
    },
  };
}
