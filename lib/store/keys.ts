import { endpointDueKey } from "./news_keys.ts";
import type { Selector } from "./records/policy.ts";

/**
 * Every key of the store, but for those of what people are told (`news_keys.ts`), of mandates
 * (`mandate_keys.ts`), of upstreams and their credentials (`gateway_keys.ts`), and of logins at a
 * terminal (`login_keys.ts`). `docs/storage.md` says of each what its value is, who writes it, in
 * which commit, and when it ends. Nothing else in the code writes a key by hand.
 */

/** A key whose parts are text and numbers only, so that it can be listed in a change record. */
export type StoreKey = readonly (string | number)[];

/** Stands where an org's id stands, for what concerns the deployment itself and no one org. */
export const DEPLOYMENT_ORG = "org_" + "0".repeat(26);

/**
 * Kinds of rows that hold sealed bytes: the first part of their keys. The compiler lets nothing be
 * sealed under another key, and asks `sealed_rows.ts` how each of these holds what is sealed.
 */
export const SEALED_KINDS = [
  "log_key",
  "token_key",
  "receipt_key",
  "run_token_arguments",
  "approval",
  "approval_view",
  "approval_ask",
  "log_private",
  "push_key",
  "identity_event",
  "webhook_secret",
  "channel_secret",
  "call_result",
  "vault_secret",
  "vault_before",
  "vault_grant",
  "vault_connect",
  "device_login",
] as const;

export type SealedKind = (typeof SEALED_KINDS)[number];

/** The name that bytes are sealed under: the key of their row, perhaps with a name inside of it. */
export type SealedRowKey = readonly [SealedKind, ...(string | number)[]];

export type SealedKey = SealedRowKey | readonly ["canary"];

/** The rows of one kind, of all orgs. */
export const sealedPrefix = (kind: SealedKind) => [kind] as const;

// --- The policy of an org. Every write of these raises the policy version. ---

export const orgKey = (org: string) => ["org", org] as const;

export const orgPrefix = () => ["org"] as const;

export const policyVersionKey = (org: string) => ["policy_version", org] as const;

export const policyChangePrefix = (org: string) => ["policy_change", org] as const;

export const policyChangeKey = (org: string, version: number) =>
  ["policy_change", org, version] as const;

export const toolKey = (org: string, name: string) => ["tool", org, name] as const;

export const toolPrefix = (org: string) => ["tool", org] as const;

export const categoryKey = (org: string, name: string) => ["category", org, name] as const;

export const categoryPrefix = (org: string) => ["category", org] as const;

export const tenantKey = (org: string, id: string) => ["tenant", org, id] as const;

export const tenantPrefix = (org: string) => ["tenant", org] as const;

export const resourceKey = (org: string, id: string) => ["resource", org, id] as const;

export const resourcePrefix = (org: string) => ["resource", org] as const;

export const apiKeyKey = (org: string, id: string) => ["api_key", org, id] as const;

export const apiKeyPrefix = (org: string) => ["api_key", org] as const;

export const agentKey = (org: string, id: string) => ["agent", org, id] as const;

export const agentPrefix = (org: string) => ["agent", org] as const;

export const grantKey = (org: string, id: string) => ["grant", org, id] as const;

export const grantPrefix = (org: string) => ["grant", org] as const;

export const memberKey = (org: string, email: string) => ["member", org, email] as const;

export const memberPrefix = (org: string) => ["member", org] as const;

/** The members of all orgs. */
export const membersPrefix = () => ["member"] as const;

/**
 * One rule per selector: the selector is the key. The letters say which parts follow
 * (r resource, t tool, m method, g tag), after `t` and the tenant, or `o` for the org's own.
 */
export function ruleKey(org: string, selector: Selector): StoreKey {
  const { tenant_id, resource_id, tool_name, method, tag } = selector;
  const scope = tenant_id === null ? ["o"] : ["t", tenant_id];
  const letters = (resource_id === null ? "" : "r") + (tool_name === null ? "" : "t") +
    (method === null ? "" : "m") + (tag === null ? "" : "g");
  const parts = [resource_id, tool_name, method, tag].filter((part) => part !== null);
  return ["rule", org, ...scope, letters, ...parts];
}

/** The selector that a rule's key stands for. */
export function ruleSelector(key: StoreKey): Selector {
  const parts = key.slice(2).map(String);
  const tenant_id = parts.shift() === "t" ? parts.shift() ?? null : null;
  const letters = parts.shift() ?? "";
  const part = (letter: string) => letters.includes(letter) ? parts.shift() ?? null : null;
  return {
    tenant_id,
    resource_id: part("r"),
    tool_name: part("t"),
    method: part("m"),
    tag: part("g"),
  };
}

export const rulePrefix = (org: string) => ["rule", org] as const;

/**
 * Where a row of the policy lies, or rows whose keys begin alike. Those of an org that never applied
 * a policy of several commits lie under their own keys, which is generation 0. Such a policy is
 * written under another generation; the version row says which one is read.
 */
export function placed(key: StoreKey, generation: number): StoreKey {
  const [kind = "", org = "", ...rest] = key;
  if (generation === 0 || !OF_A_GENERATION.has(kind)) return key;
  return policyRowKey(String(org), generation, String(kind), ...rest);
}

/** The key that a row of the policy has in every generation, from where it lies. */
export function unplaced(key: StoreKey): StoreKey {
  if (key[0] !== "policy_row") return key;
  const [, org = "", , kind = "", ...rest] = key;
  return [kind, org, ...rest];
}

/** What a policy as a document has: the kinds of rows that a generation holds. */
const OF_A_GENERATION: ReadonlySet<string | number> = new Set([
  "tool",
  "category",
  "tenant",
  "resource",
  "rule",
]);

/** Which events somebody outside of the org hears. */
export const heardKey = (org: string) => ["heard", org] as const;

/** All rows of a generation. */
export const generationPrefixes = (org: string, generation: number): readonly StoreKey[] =>
  [...OF_A_GENERATION].map((kind) => placed([kind, org], generation));

export const policyRowKey = (org: string, generation: number, kind: string, ...rest: StoreKey) =>
  ["policy_row", org, generation, kind, ...rest] as const;

/** A generation that is being written, and that nobody reads. */
export const policyGenerationKey = (org: string, generation: number) =>
  ["policy_generation", org, generation] as const;

/** All rows of one kind that are filed under an org. */
export const rowsOfOrg = (kind: string, org: string) => [kind, org] as const;

// --- Who presents a secret. ---

export const credentialKey = (secretHash: string) => ["credential", secretHash] as const;

export const credentialUsedKey = (org: string, id: string) => ["credential_used", org, id] as const;

export const credentialUsedPrefix = (org: string) => ["credential_used", org] as const;

// --- People. Accounts are of the deployment; members stand in the policy of their org. ---

export const accountKey = (id: string) => ["account", id] as const;

export const accountsPrefix = () => ["account"] as const;

export const accountByEmailKey = (email: string) => ["account_by_email", email] as const;

export const passkeyKey = (credentialId: string) => ["passkey", credentialId] as const;

export const accountPasskeyKey = (account: string, credentialId: string) =>
  ["account_passkey", account, credentialId] as const;

export const accountPasskeyPrefix = (account: string) => ["account_passkey", account] as const;

/** By the hash of what the browser's cookie holds. */
export const sessionKey = (hash: string) => ["session", hash] as const;

export const accountSessionKey = (account: string, id: string) =>
  ["account_session", account, id] as const;

export const accountSessionPrefix = (account: string) => ["account_session", account] as const;

/** A challenge that was handed out, by the hash of its nonce; deleted by what uses it. */
export const ceremonyKey = (nonceHash: string) => ["ceremony", nonceHash] as const;

/** A code that was mailed, by the hash of the secret of the browser that asked. */
export const emailCodeKey = (purpose: string, flowHash: string) =>
  ["email_code", purpose, flowHash] as const;

/** By the hash of the address: whoever asks names it, so it may be anybody's. */
export const emailCodeLimitKey = (emailHash: string) => ["email_code_limit", emailHash] as const;

export const recoveryCodeKey = (account: string, hash: string) =>
  ["recovery_code", account, hash] as const;

export const recoveryCodePrefix = (account: string) => ["recovery_code", account] as const;

/** Which of an account's recovery codes count: those of the newest set. */
export const recoverySetKey = (account: string) => ["recovery_set", account] as const;

/** A recovery that was begun and not ended. */
export const recoveryKey = (account: string) => ["recovery", account] as const;

/** The one link by which the operator lets an account in again. */
export const recoveryLinkKey = (account: string) => ["recovery_link", account] as const;

/** A passkey that the log of an org names, for its member there. */
export const knownPasskeyKey = (org: string, credentialId: string) =>
  ["passkey_known", org, credentialId] as const;

export const knownPasskeyPrefix = (org: string) => ["passkey_known", org] as const;

export const setUpLinkKey = () => ["set_up_link"] as const;

/** By the hash of the link's secret: found before the org is known. */
export const invitationPointerKey = (hash: string) => ["invitation_link", hash] as const;

export const invitationKey = (org: string, email: string) => ["invitation", org, email] as const;

export const invitationPrefix = (org: string) => ["invitation", org] as const;

/** The invitations to all orgs. */
export const invitationsPrefix = () => ["invitation"] as const;

/** An entry on its way from the log of one commit into another log. */
export const identityEventKey = (org: string, id: string) => ["identity_event", org, id] as const;

// --- MCP clients. What they hold is of the deployment; a grant stands in the policy of orgs, too. ---

/** A client that registered itself. */
export const oauthClientKey = (id: string) => ["oauth_client", id] as const;

/** What the document of a client said, by its URL. */
export const oauthDocumentKey = (url: string) => ["oauth_document", url] as const;

/** Times of registrations, by the MAC of where they came from, or of all. */
export const oauthRegistrationsKey = (source: string) => ["oauth_registrations", source] as const;

/** A consent as its account has it: without this row none of its tokens is good. */
export const accountGrantKey = (account: string, id: string) =>
  ["oauth_grant", account, id] as const;

export const accountGrantPrefix = (account: string) => ["oauth_grant", account] as const;

export const oauthCodeKey = (hash: string) => ["oauth_code", hash] as const;

export const accessTokenKey = (hash: string) => ["oauth_access_token", hash] as const;

export const refreshTokenKey = (hash: string) => ["oauth_refresh_token", hash] as const;

// --- The audit log. ---

export const logHeadKey = (org: string) => ["log_head", org] as const;

export const logHeadPrefix = () => ["log_head"] as const;

/** Written by a node that others keep overtaking; every commit checks it, so they notice and wait. */
export const logTurnKey = (org: string) => ["log_turn", org] as const;

export const logSegmentKey = (org: string, firstIndex: number) => ["log", org, firstIndex] as const;

export const logSegmentPrefix = (org: string) => ["log", org] as const;

export const logPrivateKey = (org: string, firstIndex: number) =>
  ["log_private", org, firstIndex] as const;

export const logPrivatePrefix = (org: string) => ["log_private", org] as const;

export const logTileKey = (org: string, level: number, index: number) =>
  ["log_tile", org, level, index] as const;

export const logPageKey = (org: string, page: number) => ["log_page", org, page] as const;

export const logKeyKey = (org: string, kid: string) => ["log_key", org, kid] as const;

export const logKeyPrefix = (org: string) => ["log_key", org] as const;

// --- Approvals. ---

export const approvalKey = (org: string, id: string) => ["approval", org, id] as const;

export const approvalPrefix = (org: string) => ["approval", org] as const;

/** Pieces of what an approver sees: larger than one value may be. */
export const approvalViewKey = (org: string, id: string, piece: number) =>
  ["approval_view", org, id, piece] as const;

export const approvalAskKey = (org: string, id: string, ask: number) =>
  ["approval_ask", org, id, ask] as const;

export const approvalAskPrefix = (org: string, id: string) => ["approval_ask", org, id] as const;

/** That a key was shown a view of a request: a second time is no second entry. */
export const approvalReadKey = (org: string, key: string, id: string, viewDigest: string) =>
  ["approval_read", org, key, id, viewDigest] as const;

export const approvalReferenceKey = (org: string, reference: string) =>
  ["approval_ref", org, reference] as const;

export const approvalPendingKey = (org: string, id: string) =>
  ["approval_pending", org, id] as const;

export const approvalPendingPrefix = (org: string) => ["approval_pending", org] as const;

/** Approvals of one tool that a change of the tool would cancel. */
export const approvalByToolKey = (org: string, tool: string, id: string) =>
  ["approval_by_tool", org, tool, id] as const;

export const approvalsByToolPrefix = (org: string) => ["approval_by_tool", org] as const;

export const approvalByToolPrefix = (org: string, tool: string) =>
  ["approval_by_tool", org, tool] as const;

/**
 * By what a requester's requests for one action are found: under a mandate they are others than
 * without it, or under another.
 */
export function askName(actionDigest: string, mandate: string | null): string {
  return mandate === null ? actionDigest : `${actionDigest} ${mandate}`;
}

/** The one open request of a requester for an action: how a second asking finds the first. */
export const approvalOpenKey = (org: string, requester: string, name: string) =>
  ["approval_open", org, requester, name] as const;

export const approvalOpenPrefix = (org: string, requester: string) =>
  ["approval_open", org, requester] as const;

/** The approved and unused request of a requester for an action: what a late check mints from. */
export const approvalReadyKey = (org: string, requester: string, name: string) =>
  ["approval_ready", org, requester, name] as const;

export const approvalReadyPrefix = (org: string, requester: string) =>
  ["approval_ready", org, requester] as const;

/** The newest approved request for a tool: what the next one is compared with. */
export const approvalLastKey = (org: string, tool: string) => ["approval_last", org, tool] as const;

/** The same of one requester. */
export const approvalLastOfKey = (org: string, tool: string, requester: string) =>
  ["approval_last", org, tool, requester] as const;

/** What a requester asked before, by action: counts of asking and denial, the newest denial. */
export const approvalHistoryKey = (org: string, requester: string, name: string) =>
  ["approval_history", org, requester, name] as const;

export const approvalHistoryPrefix = (org: string, requester: string) =>
  ["approval_history", org, requester] as const;

export const approvalCountKey = (org: string, requester: string) =>
  ["approval_count", org, requester] as const;

export const approvalOrgCountKey = (org: string) => ["approval_org_count", org] as const;

/** What one session was handed to sign a decision with: a new one takes its place. */
export const decisionNonceKey = (org: string, session: string, approval: string) =>
  ["decision_nonce", org, session, approval] as const;

// --- Run tokens and executions. ---

export const runTokenKey = (org: string, id: string) => ["run_token", org, id] as const;

/** What the minted action's arguments were, while somebody may still have to be told. */
export const runTokenArgumentsKey = (org: string, id: string) =>
  ["run_token_arguments", org, id] as const;

/** Set when a caller's unreadable token was logged, so that the next ones are not. */
export const unreadableTokenKey = (org: string, caller: string) =>
  ["unreadable_token", org, caller] as const;

export const tokenKeyKey = (org: string, kid: string) => ["token_key", org, kid] as const;

export const tokenKeyPrefix = (org: string) => ["token_key", org] as const;

export const executionKey = (org: string, id: string) => ["execution", org, id] as const;

// --- Trying it out. ---

/** A member's sample agent and request. */
export const sampleKey = (org: string, member: string) => ["sample", org, member] as const;

export const samplePrefix = (org: string) => ["sample", org] as const;

// --- Limits, answers kept, and what must happen later. ---

export const discoveryCountKey = (org: string) => ["discovery_count", org] as const;

export const discoveryCallerCountKey = (org: string, caller: string) =>
  ["discovery_caller_count", org, caller] as const;

export const idempotencyKey = (org: string, credential: string, request: string) =>
  ["idempotency", org, credential, request] as const;

export const idempotencyPrefix = () => ["idempotency"] as const;

/** What is due for an endpoint, whose id begins it, stands in a queue of its own: `endpointDueKey`. */
export const dueKey = (at: number, kind: string, org: string, id: string) =>
  kind === "webhook_delivery" || kind === "channel_delivery"
    ? endpointDueKey(id.split(" ", 1)[0] ?? "", at, kind, org, id)
    : ["due", at, kind, org, id] as const;

export const duePrefix = () => ["due"] as const;

/** That a commit landed which left no entry, by the name of that commit. */
export const commitMarkKey = (name: string) => ["commit_mark", name] as const;

/** Written at start and by readiness checks only, to show that the store takes a write. */
export const probeKey = () => ["probe"] as const;

/** What the clock of a process that runs shows, once a minute. */
export const clockSeenKey = () => ["clock", "seen"] as const;

/** When somebody last said that a clock is right: processes that run hear of it. */
export const clockAcceptedKey = () => ["clock", "accepted"] as const;

/** That something was erased since the file of the store was last rewritten. */
export const erasedKey = () => ["erased"] as const;

/** Known words sealed when the store was new: a start under another secret is refused by them. */
export const canaryKey = () => ["canary"] as const;

/** Which shape the rows of this store have: a release that knows only older ones is refused by it. */
export const schemaVersionKey = () => ["schema_version"] as const;

/** Set when the first org was made, so that two nodes that start at once make one. */
export const bootstrapKey = () => ["bootstrap"] as const;
