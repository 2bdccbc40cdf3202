import { z } from "zod";
import { pagePath } from "../base/page_path.ts";
import { asMember, type MemberOperation } from "../identity/acting.ts";
import { actorOf } from "../identity/caller.ts";
import { secretHash } from "../identity/credentials.ts";
import type { PresentedSession } from "../identity/sessions.ts";
import { Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { vaultConnectKey, vaultKey, vaultSecretKey } from "../store/gateway_keys.ts";
import { vaultConnectRecord, type VaultRecord, vaultSecretRecord } from "../store/records/vault.ts";
import { loadGrant, openGrant, storeTokens } from "./grant.ts";
import { keptBy } from "./keepers.ts";
import {
  authorizeUrl,
  clientOf,
  discover,
  documentedClient,
  exchangeCode,
  type Metadata,
  type ProviderClient,
  ProviderFailed,
  register,
  resourceOf,
  takesDocument,
} from "./provider.ts";

/**
 * A member connects a credential at its provider (OAuth 2.1 with PKCE): under a fresh passkey, by a
 * page of ours. What goes there and comes back is bound to the session that went, good once, for ten
 * minutes; the answer has to be of the provider that was asked, and the code goes to it alone.
 */

const STATE_MS = 10 * 60 * 1000;

const DEED = "Connecting a credential";

type Connecting = Pick<Services, "deps" | "ledgers" | "settings">;

/** Whoever connects. */
export interface ConnectingMember {
  readonly org: string;
  readonly session: PresentedSession;
  readonly request_id: string;
}

/** What is kept while a member is at the provider. */
const kept = z.object({
  issuer: z.string(),
  token_endpoint: z.string(),
  names_itself: z.boolean(),
  signs: z.array(z.string()).nullable(),
  client: z.object({
    id: z.string(),
    secret: z.string().nullable(),
    auth: z.enum(["none", "client_secret_basic", "client_secret_post"]),
  }),
  verifier: z.string(),
  scope: z.string().nullable(),
  resource: z.string(),
});

type Kept = z.infer<typeof kept>;

interface Before {
  readonly record: VaultRecord;
  readonly oauth: NonNullable<VaultRecord["oauth"]>;
  /** As this deployment is known to the provider already; null where it is not. */
  readonly client: ProviderClient | null;
  readonly client_secret: string | null;
}

/**
 * Where a member goes to connect a credential.
 * @throws {Refusal} not_found, provider_not_connected, role_required, recovery_held,
 *   fresh_assertion_required
 */
export async function beginConnect(
  services: Connecting,
  { org, session }: ConnectingMember,
  id: string,
): Promise<string> {
  const { deps, ledgers, settings } = services;
  const { hosts } = deps;
  const before = await ledgers.transact(org, asMember(session, "see_requests", readBefore(id)));
  const { record, oauth } = before;
  return await failing(async () => {
    const as = await discover(hosts, oauth.issuer);
    const origin = record.origins[0] ?? "";
    const resource = oauth.resource ?? await resourceOf(hosts, origin, oauth.issuer) ?? origin;
    const redirect_uri = callbackUrl(settings);
    const name = `Countersign at ${settings.url.host}`;
    const client = before.client ??
      (oauth.client_id !== null
        ? clientOf(as, oauth.client_id, before.client_secret)
        : takesDocument(as, settings.url.origin)
        ? documentedClient(settings.url.origin, id)
        : await register(hosts, as, { name, redirect_uri }));
    const random = () => deps.random(32).toBase64({ alphabet: "base64url", omitPadding: true });
    const [state, verifier] = [random(), random()];
    const { scope } = oauth;
    const keeping: Kept = {
      issuer: as.issuer,
      token_endpoint: endpointOf(as),
      names_itself: as.authorization_response_iss_parameter_supported === true,
      signs: as.id_token_signing_alg_values_supported ?? null,
      client,
      verifier,
      scope,
      resource,
    };
    await ledgers.transact(org, asMember(session, "see_requests", keepState(id, state, keeping)));
    return await authorizeUrl(as, {
      client_id: client.id,
      redirect_uri,
      state,
      verifier,
      scope,
      resource,
    });
  });
}

function endpointOf({ token_endpoint }: Metadata): string {
  if (token_endpoint === undefined) throw new ProviderFailed("names no token endpoint");
  return token_endpoint;
}

function readBefore(id: string): MemberOperation<
  { readonly grant: Awaited<ReturnType<typeof loadGrant>>; readonly secret: Uint8Array | null },
  Before
> {
  return {
    async load(reader) {
      const key = vaultSecretKey(reader.snapshot.orgId, id);
      const [grant, secret] = await Promise.all([
        loadGrant(reader, id),
        reader.get(key, vaultSecretRecord),
      ]);
      return { grant, secret: secret?.value.sealed ?? null };
    },
    plan({ snapshot, deps: { sealer } }, caller, { grant, secret }) {
      const record = keptBy(snapshot, caller, id, DEED);
      const { oauth } = record;
      if (oauth === null) {
        throw new Refusal("not_found", { what: `credential ${id} that is connected` });
      }
      const key = vaultSecretKey(snapshot.orgId, id);
      const given = secret === null ? "" : z.string().parse(sealer.openJson(key, secret));
      const known = grant === null ? null : openGrant(sealer, snapshot.orgId, id, grant).secret;
      // Tokens that were put in have a client that this deployment did not register for itself.
      // Where the provider took them no longer, it may not know the client any more either.
      const isKnown = grant?.connected_by != null && grant.why !== "refused";
      const client = known !== null && isKnown ? known.client : null;
      return { record, oauth, client, client_secret: given === "" ? null : given };
    },
  };
}

function keepState(id: string, state: string, keeping: Kept): MemberOperation<void, void> {
  return {
    plan(transaction, caller) {
      const { deps: { sealer }, now, snapshot } = transaction;
      keptBy(snapshot, caller, id, DEED);
      const key = vaultConnectKey(snapshot.orgId, secretHash(state));
      const row = {
        session: caller.session_id,
        credential: id,
        sealed: sealer.sealJson(key, keeping),
        expires_at: now + STATE_MS,
      };
      transaction.set(key, row, { expireIn: STATE_MS });
    },
  };
}

/**
 * Takes the tokens that a member comes back for.
 * @param answer the parameters of the address that they came back to
 * @throws {Refusal} provider_not_connected, not_found, role_required, recovery_held,
 *   fresh_assertion_required, and what ends a session
 */
export async function finishConnect(
  services: Connecting,
  { org, session, request_id }: ConnectingMember,
  answer: URLSearchParams,
): Promise<VaultRecord> {
  const { deps, ledgers, settings } = services;
  const state = answer.get("state") ?? "";
  const { id, keeping } = await ledgers.transact(
    org,
    asMember(session, "see_requests", takeState(secretHash(state))),
  );
  const { issuer, token_endpoint, client, verifier, scope, resource } = keeping;
  const tokens = await failing(() =>
    exchangeCode(deps.hosts, {
      issuer,
      token_endpoint,
      authorization_response_iss_parameter_supported: keeping.names_itself,
      ...(keeping.signs === null ? {} : { id_token_signing_alg_values_supported: keeping.signs }),
    }, {
      client,
      leaving: {
        client_id: client.id,
        redirect_uri: callbackUrl(settings),
        state,
        verifier,
        scope,
        resource,
      },
      answer,
    })
  );
  return await ledgers.transact(
    org,
    asMember(session, "see_requests", {
      load: (reader) => loadGrant(reader, id),
      plan(transaction, caller, old): VaultRecord {
        const { snapshot, now, deps: { sealer } } = transaction;
        const record = keptBy(snapshot, caller, id, DEED);
        const { account } = tokens;
        const before = old === null ? null : openGrant(sealer, org, id, old).secret.account;
        if (account === null || account !== before) {
          const next = { ...record, account: record.account + 1 };
          transaction.setPolicy(vaultKey(org, id), next);
        }
        storeTokens(transaction, id, {
          old,
          secret: {
            issuer,
            token_endpoint,
            client,
            resource,
            access: null,
            refresh: null,
            account,
          },
          tokens,
          connected_by: caller.id,
          connected_at: now,
        });
        transaction.append({
          type: "credential.connected",
          actor: actorOf(caller),
          subject: { credential: id },
          data: { issuer, request_id },
          ...(account === null ? {} : { private: { account } }),
        });
        return record;
      },
    }),
  );
}

/** Takes what a member left when they went; it is good once, and in their own session. */
function takeState(
  hash: string,
): MemberOperation<
  z.infer<typeof vaultConnectRecord> | null,
  { readonly id: string; readonly keeping: Kept }
> {
  return {
    async load(reader) {
      const key = vaultConnectKey(reader.snapshot.orgId, hash);
      return (await reader.get(key, vaultConnectRecord))?.value ?? null;
    },
    plan(transaction, caller, row) {
      const { now, snapshot, deps: { sealer } } = transaction;
      if (row === null || row.session !== caller.session_id || now >= row.expires_at) {
        const why = "answers something that was not begun in this session within ten minutes";
        throw new Refusal("provider_not_connected", { why });
      }
      keptBy(snapshot, caller, row.credential, DEED);
      const key = vaultConnectKey(snapshot.orgId, hash);
      transaction.delete(key);
      return { id: row.credential, keeping: kept.parse(sealer.openJson(key, row.sealed)) };
    },
  };
}

/** @throws {Refusal} provider_not_connected */
async function failing<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ProviderFailed)) throw error;
    throw new Refusal("provider_not_connected", { why: error.why });
  }
}

/** Where providers send people back to. */
export function callbackUrl({ url }: Pick<Services["settings"], "url">): string {
  return url.origin + pagePath("/connections/upstream/callback");
}
