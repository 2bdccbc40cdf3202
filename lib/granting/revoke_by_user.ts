import { type Client, privateClient } from "../identity/caller.ts";
import type { Operation, Reader } from "../ledger/transaction.ts";
import { type CountedMandate, loadCounted, type LoadedMandate } from "../mandates/mandate.ts";
import { loadUserPasskeys, storeUse } from "../mandates/user_passkeys.ts";
import { challengeText } from "../passkeys/challenge.ts";
import { revocationEvidence } from "../passkeys/evidence.ts";
import type { AssertionResponse } from "../passkeys/responses.ts";
import { type RevocationStatement, revocationStatement } from "../passkeys/statement.ts";
import { checkUserAssertion, type UserSigned } from "../passkeys/user_assertion.ts";
import { Refusal } from "../refusal.ts";
import type { Services, Settings } from "../services.ts";
import { readRecord } from "../store/kv.ts";
import { mandateKey } from "../store/mandate_keys.ts";
import { mandateRecord } from "../store/records/mandate.ts";
import type { UserPasskeys } from "../store/records/user.ts";
import { type Revocation, storeRevocation } from "./revoke.ts";

/**
 * A user ends what they let an agent do, by their own passkey and nobody's key. To end something no
 * passkey is too new: one that came a moment ago says no yes for a day, and this all the same. Whoever
 * has none of the user's passkeys does not learn whether there is such a mandate.
 */

/** For how long a signed revocation counts, milliseconds: so one that leaks ends nothing later. */
const REVOCATION_MS = 5 * 60 * 1000;

/** How far the clock of whoever signs may be ahead, milliseconds. */
const AHEAD_MS = 60 * 1000;

/** A revocation as the user signed it. */
export interface SignedRevocation {
  /** As it was sent: of it counts the organization that it names, and its time. */
  readonly statement: { readonly org: string; readonly issued_at: string };
  readonly response: AssertionResponse;
}

interface LoadedRevocation {
  readonly loaded: LoadedMandate | null;
  readonly passkeys: UserPasskeys | null;
  readonly statement: RevocationStatement | null;
  readonly signed: UserSigned;
}

/**
 * Revokes a mandate by its user's passkey, over the statement that is made anew from what is stored; one
 * that was ended already stays as it is.
 * @throws {Refusal} assertion_not_accepted, also where there is no such mandate
 */
export async function revokeByUser(
  { deps, ledgers, settings }: Pick<Services, "deps" | "ledgers" | "settings">,
  mandate: string,
  said: Revocation,
  given: SignedRevocation,
  client: Client,
): Promise<CountedMandate> {
  const { org } = given.statement;
  // Before there is a ledger for it: the statement may name any organization, or none.
  if (await readRecord(deps.kv, mandateKey(org, mandate), mandateRecord) === null) throw unknown();
  return await ledgers.transact(org, revoking(settings, { org, mandate }, said, given, client));
}

function revoking(
  { url }: Pick<Settings, "url">,
  { org, mandate }: { readonly org: string; readonly mandate: string },
  said: Revocation,
  { statement: { issued_at }, response }: SignedRevocation,
  client: Client,
): Operation<LoadedRevocation, CountedMandate> {
  return {
    async load(reader: Reader) {
      const loaded = await loadCounted(reader, mandate);
      if (loaded === null) {
        const signed = { ok: false, why: "unknown_passkey" } as const;
        return { loaded, passkeys: null, statement: null, signed };
      }
      const { user_id: user } = loaded.record;
      const passkeys = await loadUserPasskeys(reader, user);
      const statement = revocationStatement({ issuer: url.origin, org, mandate, user, issued_at });
      const challenge = challengeText(statement);
      const signed = await checkUserAssertion(passkeys.passkeys, response, challenge);
      return { loaded, passkeys, statement, signed };
    },
    plan(transaction, { loaded, passkeys, statement, signed }) {
      if (loaded === null || passkeys === null || statement === null) throw unknown();
      if (!signed.ok) throw new Refusal("assertion_not_accepted", { why: signed.why });
      const age = transaction.now - Date.parse(issued_at);
      if (age > REVOCATION_MS || age < -AHEAD_MS) {
        throw new Refusal("assertion_not_accepted", { why: "out_of_time" });
      }
      const { passkey, counter } = signed;
      const { data, private: hidden } = revocationEvidence(statement, response);
      storeUse(transaction, loaded.record.user_id, passkeys, { ...passkey, counter });
      return storeRevocation(transaction, loaded, said, {
        actor: { type: "user", id: mandate },
        request_id: client.request_id,
        evidence: {
          data,
          private: {
            ...hidden,
            user_id: loaded.record.user_id,
            client: privateClient(client),
          },
        },
      });
    },
  };
}

function unknown(): Refusal<"assertion_not_accepted"> {
  return new Refusal("assertion_not_accepted", { why: "unknown_passkey" });
}
