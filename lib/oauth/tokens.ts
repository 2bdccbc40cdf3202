import type { Client } from "../identity/client.ts";
import { secretHash } from "../identity/secret.ts";
import { stillLasts } from "../ledger/clock.ts";
import type { DueWork } from "../ledger/due.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, oauthCodeKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type AccountGrant, type CodeRecord, codeRecord } from "../store/records/oauth.ts";
import { settle, tellGrantEvent } from "./grant_events.ts";
import { scopesNow } from "./grant_standing.ts";
import { endGrant, type GrantName, loadAccountGrant } from "./grants.ts";
import { type IssuedTokens, issueTokens, REFRESH_TOKEN_MS } from "./issue_tokens.ts";
import { loadClient, type LoadedClient, touchClient } from "./loaded_client.ts";
import { verifies } from "./pkce.ts";
import { isMcpResource } from "./resource.ts";
import { NO_CLIENT, NOT_GOOD, type TokenFault } from "./token_fault.ts";

/** How long an authorization code is good, milliseconds. */
export const CODE_MS = 60_000;

/** As `allow_consent.ts` makes them: 32 random bytes in base64url. */
const CODE = /^[A-Za-z0-9_-]{43}$/;

/** What a client shows to get tokens for a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
export interface PresentedCode {
  readonly client_id: string;
  readonly code: string;
  readonly code_verifier: string;
  /** Null when not sent: OAuth 2.1 leaves it to PKCE. */
  readonly redirect_uri: string | null;
  /** Null when not sent. */
  readonly resource: string | null;
}

export type TokenAnswer = IssuedTokens | TokenFault;

/**
 * Exchanges a code for tokens. Code and tokens are one commit: of any number of exchanges one gives
 * tokens. A second one that shows all that the first did ends the grant, for then the code was seen
 * by somebody else, and the verifier too.
 * @throws {StoreUnavailable}
 */
export async function exchangeCode(
  services: Services,
  presented: PresentedCode,
  client: Client,
): Promise<TokenAnswer> {
  const { deps, ledgers, settings } = services;
  const { client_id, code, resource } = presented;
  if (resource !== null && !isMcpResource(settings, resource)) {
    return {
      error: "invalid_target",
      error_description: "resource is not the one of this server.",
    };
  }
  const key = oauthCodeKey(CODE.test(code) ? secretHash(code) : "");
  const row = await readRecord(deps.kv, key, codeRecord);
  const name: GrantName = row?.value ?? { account: "", grant: "" };
  const scopes = row === null ? [] : await scopesNow(services, name);
  const { answer, works } = await ledgers.transact(DEPLOYMENT_ORG, {
    load: async (reader) => ({
      registered: await loadClient(reader, client_id),
      record: (await reader.get(key, codeRecord))?.value ?? null,
      grant: await loadAccountGrant(reader, name),
    }),
    plan(transaction, { registered, record, grant }: Loaded): Exchanged {
      if (registered === "ended") return { answer: NO_CLIENT, works: [] };
      if (record === null || !fits(record, presented)) return { answer: NOT_GOOD, works: [] };
      if (grant === null) return { answer: NOT_GOOD, works: [] };
      if (record.used_at !== null) {
        const reuse = {
          type: "oauth.reuse_detected",
          by: "system",
          data: { reused: "code" },
        } as const;
        return { answer: NOT_GOOD, works: endGrant(transaction, grant, reuse, client) };
      }
      if (!stillLasts(record.expires_at, CODE_MS, transaction.now) || scopes.length === 0) {
        return { answer: NOT_GOOD, works: [] };
      }
      const used: CodeRecord = { ...record, used_at: transaction.at };
      transaction.set(key, used, { expireIn: REFRESH_TOKEN_MS });
      touchClient(transaction, registered);
      const answer = issueTokens(transaction, grant, scopes);
      const told = { type: "oauth.issued", by: "client", data: { scopes }, ends: false } as const;
      return { answer, works: tellGrantEvent(transaction, grant, told, client) };
    },
  });
  await settle(services, works);
  return answer;
}

interface Loaded {
  readonly registered: LoadedClient;
  readonly record: CodeRecord | null;
  readonly grant: AccountGrant | null;
}

/** An answer, and what is left to do for the orgs of a grant that ended by it. */
export interface Exchanged {
  readonly answer: TokenAnswer;
  readonly works: readonly DueWork[];
}

/** Whether it is this code's client who shows it, with its verifier, for where it was sent to. */
function fits(record: CodeRecord, presented: PresentedCode): boolean {
  const { client_id, redirect_uri, code_verifier } = presented;
  return record.client_id === client_id &&
    (redirect_uri === null || redirect_uri === record.redirect_uri) &&
    verifies(code_verifier, record.code_challenge);
}
