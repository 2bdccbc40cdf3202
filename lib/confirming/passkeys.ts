import { toBase64Url } from "../base/bytes.ts";
import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller, requireAllTenants } from "../identity/caller.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor, Placed } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { loadUserPasskeys, type Registration, replacedBy } from "../mandates/user_passkeys.ts";
import { isUsableKey } from "../passkeys/cose_key.ts";
import { credentialDigest } from "../passkeys/evidence.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import { userPasskeysKey } from "../store/mandate_keys.ts";
import type { UserPasskey, UserPasskeys } from "../store/records/user.ts";

/**
 * Which passkeys speak for a user: set by a management key that an owner made for it. Each change is an
 * entry with the public keys, so that whoever has the log can tell which key said yes.
 */

/** Most passkeys of one user, and most sites of one of them. */
export const USER_PASSKEY_LIMITS = { passkeys: 5, origins: 5 } as const;

/** A passkey as an application names it. */
export type GivenPasskey = Pick<
  UserPasskey,
  "credential_id" | "public_key" | "rp_id" | "origins"
>;

/** The passkeys of a user, as they are read. @throws {Refusal} wrong_tier, tenant_not_permitted */
export function readUserPasskeys(user: string): CallerOperation<UserPasskeys, UserPasskeys> {
  return {
    load: (reader) => loadUserPasskeys(reader, user),
    plan(_transaction, caller, loaded) {
      requireUserPasskeys(caller);
      return loaded;
    },
  };
}

/**
 * Sets the passkeys of a user. Where one in force goes, nothing that comes now answers for a day, and
 * neither does the application.
 * @throws {Refusal} wrong_tier, tenant_not_permitted, invalid_request
 */
export function setUserPasskeys(
  user: string,
  given: readonly GivenPasskey[],
  request_id: string,
): CallerOperation<
  { readonly old: UserPasskeys; readonly usable: readonly boolean[] },
  { readonly record: UserPasskeys; readonly audit: Placed | null }
> {
  return {
    async load(reader) {
      const [old, ...usable] = await Promise.all([
        loadUserPasskeys(reader, user),
        ...given.map(({ public_key }) => isUsableKey(public_key)),
      ]);
      return { old, usable };
    },
    plan(transaction, caller, { old, usable }) {
      requireUserPasskeys(caller);
      assertNoPersonalIds(transaction.snapshot.org, { "/user_id": user });
      const unusable = usable.indexOf(false);
      if (unusable !== -1) {
        const path = `/passkeys/${unusable}/public_key`;
        throw invalidRequest(path, "is no COSE key of ES256, EdDSA or RS256");
      }
      const how = { registered_by: caller.id, by_link: false };
      return storeUserPasskeys(
        transaction,
        { user, old, given, how, request_id },
        actorOf(caller),
      );
    },
  };
}

/**
 * Puts the passkeys of a user into the commit, with the entry of what that changes. From it on nothing
 * counts to which one said yes that went; what waits of that is cancelled behind it.
 */
export function storeUserPasskeys(
  transaction: Transaction,
  { user, old, given, how, enrolment, request_id }: {
    readonly user: string;
    readonly old: UserPasskeys;
    readonly given: readonly GivenPasskey[];
    readonly how: Registration;
    /** The link by which the user made the newest, as its entry names it. */
    readonly enrolment?: string;
    readonly request_id: string;
  },
  actor: Actor,
): { readonly record: UserPasskeys; readonly audit: Placed | null } {
  const record = replacedBy(old, given, how, transaction);
  const kept = record.passkeys.filter((one) => old.passkeys.includes(one)).length;
  const added = record.passkeys.length - kept;
  const removed = old.passkeys.length - kept;
  if (added === 0 && removed === 0) return { record: old, audit: null };
  const { now, snapshot } = transaction;
  transaction.set(userPasskeysKey(snapshot.orgId, user), record);
  if (removed > 0) schedule(transaction, { kind: "user_key_gone", at: now, id: user });
  const audit = transaction.append({
    type: "user.passkeys_set",
    actor,
    subject: {},
    data: {
      added,
      credentials: record.passkeys.map(({ credential_id }) => credentialDigest(credential_id)),
      ...(enrolment === undefined ? {} : { enrolment }),
      held_until: record.held_until > now ? new Date(record.held_until).toISOString() : null,
      removed,
      request_id,
    },
    private: {
      user_id: user,
      passkeys: record.passkeys.map(({ credential_id, public_key, rp_id, origins }) => ({
        credential_id,
        public_key: toBase64Url(public_key),
        rp_id,
        origins: [...origins],
      })),
    },
  });
  return { record, audit };
}

/** Refuses who may not say which passkeys speak for users. @throws {Refusal} */
export function requireUserPasskeys(caller: Caller): void {
  if (caller.type === "member" || caller.tier !== "management" || !caller.user_passkeys) {
    const allowed = ["management with user_passkeys"];
    throw new Refusal("wrong_tier", { tier: caller.tier, allowed });
  }
  requireAllTenants(caller);
}
