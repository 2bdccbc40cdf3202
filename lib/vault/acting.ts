import type { JsonObject } from "../base/json.ts";
import { personWords } from "../base/person.ts";
import { Deferred } from "../ledger/commit_limits.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { hasRight } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { vaultGrantKey } from "../store/gateway_keys.ts";
import { readRecord } from "../store/kv.ts";
import type { MemberRecord, Party } from "../store/records/identity.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import {
  OF_ORG,
  type VaultGrantRecord,
  vaultGrantRecord,
  type VaultRecord,
} from "../store/records/vault.ts";
import { loadGrant, openGrant } from "./grant.ts";
import { goesTo } from "./injection.ts";

/**
 * Whose credential a call carries. One of the organization's acts for everybody; a member's own for the
 * programs that they connected themselves, and for the keys and agents that they named on it. It is
 * looked up in the policy that each commit proves current, so what was taken back acts for nobody from
 * that commit on, and what was approved for one account runs by no other.
 */

/** What of the policy says who acts for whom. */
export type ActingPolicy = Pick<
  Snapshot,
  "vault" | "upstreams" | "members" | "agents" | "apiKeys" | "grants" | "tools"
>;

/** Who calls: whoever does so through a sub-token is its maker here. */
type Requester = Pick<Party, "type" | "id">;

type At = Pick<UpstreamRecord, "credential" | "url">;

/** What the calls of a requester to an upstream carry; null where there is nothing that they may. */
export function actingCredential(
  policy: ActingPolicy,
  requester: Requester,
  { credential, url }: At,
): VaultRecord | null {
  if (credential === null) return null;
  if (credential.mode === "org") return orgCredential(policy, credential.credential_id);
  let found: VaultRecord | null = null;
  for (const record of policy.vault.values()) {
    if (!goesTo(record, url) || !actsFor(policy, record, requester)) continue;
    // There is one by the rules of writing; if there ever were two, every node takes the same.
    if (found === null || record.id < found.id) found = record;
  }
  return found;
}

/** A credential of the organization; null where there is none of this id, or it is a member's. */
export function orgCredential(
  { vault }: Pick<Snapshot, "vault">,
  id: string,
): VaultRecord | null {
  const record = vault.get(id);
  return record?.owner === OF_ORG ? record : null;
}

/** Whether a member's own credential acts for this requester at this moment. */
function actsFor(policy: ActingPolicy, record: VaultRecord, { type, id }: Requester): boolean {
  const owner = ownerOf(policy, record);
  // Who may not let a program act for them does not do so by a credential either.
  if (owner === null || !hasRight(owner.role, "grant_write")) return false;
  if (type === "oauth_grant") return policy.grants.get(id)?.member === owner.id;
  return isNamed(policy, record, id);
}

/**
 * Whether a key or an agent is named on a credential, by whoever answers for it still. Somebody else
 * who was given its secret since does not act for the member by that.
 */
export function isNamed(
  { agents, apiKeys }: Pick<Snapshot, "agents" | "apiKeys">,
  { used_by }: Pick<VaultRecord, "used_by">,
  id: string,
): boolean {
  const named = used_by.find((user) => user.id === id);
  const machine = agents.get(id) ?? apiKeys.get(id);
  if (named === undefined || machine === undefined) return false;
  return machine.members_behind.every((member) => named.behind.includes(member));
}

/** The member whose own a credential is; null for one of the organization, and without its member. */
export function ownerOf(
  { members }: Pick<Snapshot, "members">,
  { owner }: Pick<VaultRecord, "owner">,
): MemberRecord | null {
  if (owner === OF_ORG) return null;
  for (const member of members.values()) {
    if (member.id === owner) return member.account === null ? null : member;
  }
  return null;
}

/**
 * By what a request remembers whose account acts: the credential, and which of its accounts. Null for
 * nobody's; undefined for a tool that does not run through here with a credential.
 */
export function actsAs(
  policy: ActingPolicy,
  requester: Requester,
  toolName: string,
): string | null | undefined {
  const at = upstreamOf(policy, toolName);
  if (at === null || at.credential === null) return undefined;
  const record = actingCredential(policy, requester, at);
  return record === null ? null : `${record.id} ${record.account}`;
}

function upstreamOf(policy: ActingPolicy, toolName: string): UpstreamRecord | null {
  return policy.upstreams.get(policy.tools.get(toolName)?.upstream?.name ?? "") ?? null;
}

/** What was read of whose account acts; null where nobody's does. */
export interface LoadedActing {
  readonly id: string;
  /** The tokens, where a provider issues them. */
  readonly grant: VaultGrantRecord | null;
}

/** Reads whose account acts, to be shown. */
export async function loadActing(
  reader: Reader,
  requester: Requester,
  toolName: string,
): Promise<LoadedActing | null> {
  const { snapshot, fromStore } = reader;
  const at = upstreamOf(snapshot, toolName);
  const record = at === null ? null : actingCredential(snapshot, requester, at);
  if (record === null) return null;
  return {
    id: record.id,
    grant: record.oauth === null ? null : await loadGrant(fromStore, record.id),
  };
}

/** Whose account acts, as the view of a request shows it; null where nobody's does. */
export function frozenActing(
  { snapshot, deps: { sealer } }: Transaction,
  requester: Requester,
  toolName: string,
  loaded: LoadedActing | null,
): JsonObject | null {
  const at = upstreamOf(snapshot, toolName);
  const record = at === null ? null : actingCredential(snapshot, requester, at);
  if (record === null) return null;
  // Read for another: whoever asks is read for anew, so that no account goes unsaid.
  if (loaded?.id !== record.id) throw new Deferred();
  const { grant } = loaded;
  const { account = null } = grant === null
    ? {}
    : openGrant(sealer, snapshot.orgId, record.id, grant).secret;
  const owner = ownerOf(snapshot, record);
  return {
    credential_id: record.id,
    name: record.name,
    owner: record.owner,
    owner_name: owner === null ? null : personWords(owner),
    account,
    issuer: record.oauth?.issuer ?? null,
  };
}

/*
 * With which credential an upstream is asked for its tools: the organization's, where it names one.
 * Where members act and none is named, the oldest of theirs that is good, which is what they are told
 * when they put it in: the tools are the organization's to approve, whoever may then run them.
 */

/** How many are tried of those that members keep. */
const MOST_TRIED = 3;

/** Those that could be, in the order in which they are tried. */
export function listers(
  snapshot: Snapshot,
  { credential, url }: Pick<UpstreamRecord, "credential" | "url">,
): readonly Pick<VaultRecord, "id" | "oauth">[] {
  if (credential === null) return [];
  const { credential_id: id } = credential;
  if (id !== undefined) return [snapshot.vault.get(id) ?? { id, oauth: null }];
  return [...snapshot.vault.values()].filter((record) => {
    if (record.owner === OF_ORG || !goesTo(record, url)) return false;
    const owner = ownerOf(snapshot, record);
    return owner !== null && hasRight(owner.role, "grant_write");
  }).sort((a, b) => a.id < b.id ? -1 : 1);
}

/** Those of them that are tried now, by id. */
export async function triedListers(
  { deps: { kv } }: Pick<Services, "deps">,
  org: string,
  all: readonly Pick<VaultRecord, "id" | "oauth">[],
  mode: "org" | "member",
  /** Whether somebody asks; what nobody used for long is not refreshed by the timer alone. */
  isAsked: boolean,
): Promise<readonly string[]> {
  const tried: string[] = [];
  for (const { id, oauth } of all) {
    if (tried.length === MOST_TRIED) break;
    const grant = oauth === null
      ? null
      : (await readRecord(kv, vaultGrantKey(org, id), vaultGrantRecord))?.value ?? null;
    if (grant !== null && grant.resting_since !== null && !isAsked) continue;
    if (mode === "member" && oauth !== null && grant?.status !== "ready") continue;
    tried.push(id);
  }
  return tried;
}
