import type { Caller } from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Actor } from "../ledger/entry.ts";
import { markErased } from "../ledger/erase_private.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { hasRight } from "../policy/rights.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { vaultBeforeKey, vaultGrantKey, vaultKey, vaultSecretKey } from "../store/gateway_keys.ts";
import { credentialUsedKey } from "../store/keys.ts";
import { OF_ORG, type VaultRecord } from "../store/records/vault.ts";

/**
 * Who keeps which credential: those of the organization whoever configures it, by key or in the
 * dashboard; a member's own that member alone, in the dashboard and under their passkey. Nobody else
 * rotates, connects or lends it, whatever their role; who looks after the team can end it.
 */

/** @throws {Refusal} not_found */
export function existingCredential({ vault }: Pick<Snapshot, "vault">, id: string): VaultRecord {
  const record = vault.get(id);
  if (record === undefined) throw new Refusal("not_found", { what: `credential ${id}` });
  return record;
}

/** Those of the organization, or of one of its members, the oldest first. */
export function ownedBy({ vault }: Pick<Snapshot, "vault">, owner: string): VaultRecord[] {
  return [...vault.values()].filter((record) => record.owner === owner)
    .sort((a, b) => a.id < b.id ? -1 : 1);
}

/** A credential that the caller keeps. @throws {Refusal} not_found, and as `demandKeeper` */
export function keptBy(
  snapshot: Pick<Snapshot, "vault">,
  caller: Caller,
  id: string,
  what: string,
): VaultRecord {
  const record = existingCredential(snapshot, id);
  demandKeeper(caller, record, what);
  return record;
}

/**
 * Asks of whoever changes a credential that it is theirs to keep.
 * @throws {Refusal} owner_required, not_found, role_required, recovery_held, fresh_assertion_required
 */
export function demandKeeper(
  caller: Caller,
  record: Pick<VaultRecord, "id" | "owner">,
  what: string,
): void {
  if (record.owner === OF_ORG) demand(caller, "keep_credential", what);
  else demandOwner(caller, record, what);
}

/** The same of a member's own. */
export function demandOwner(
  caller: Caller,
  { id, owner }: Pick<VaultRecord, "id" | "owner">,
  what: string,
): void {
  if (caller.type !== "member") throw new Refusal("owner_required", { what });
  if (caller.id !== owner) throw new Refusal("not_found", { what: `credential ${id}` });
  demand(caller, "keep_own_credential", what);
}

/** Asks of whoever ends a member's own that it is theirs, or that they look after the team. */
export function demandEnd(caller: Caller, record: VaultRecord): void {
  const what = "Removing a credential of a member";
  const isOthers = caller.type === "member" && caller.id !== record.owner;
  if (isOthers && hasRight(caller.role, "manage_members")) demand(caller, "end_connection", what);
  else demandOwner(caller, record, what);
}

/**
 * The keys and agents of these ids, as they are answered for now.
 * @throws {Refusal} invalid_request for one that there is not, and for a key that runs nothing
 */
export function namedUsers(
  { agents, apiKeys }: Pick<Snapshot, "agents" | "apiKeys">,
  ids: readonly string[],
): VaultRecord["used_by"] {
  return [...new Set(ids)].sort().map((id) => {
    const key = apiKeys.get(id);
    const machine = agents.get(id) ?? (key?.tier === "standard" ? key : undefined);
    if (machine === undefined) {
      const message = `names ${id}, which is no agent and no standard key of this organization`;
      throw new Refusal("invalid_request", { errors: [{ path: "/used_by", message }] });
    }
    return { id, behind: [...machine.members_behind] };
  });
}

/**
 * Holds members' own credentials apart: for one requester there is never more than one for an origin.
 * @throws {Refusal} invalid_request
 */
export function assertAlone(
  { vault }: Pick<Snapshot, "vault">,
  { id, owner, origins, used_by }: Pick<VaultRecord, "id" | "owner" | "origins" | "used_by">,
): void {
  for (const other of vault.values()) {
    const isSame = other.id === id || other.owner === OF_ORG;
    if (isSame || !other.origins.some((origin) => origins.includes(origin))) continue;
    if (other.owner === owner) {
      const message =
        `are where another of your credentials goes, ${other.name}: rotate that one, ` +
        "or remove it first";
      throw new Refusal("invalid_request", { errors: [{ path: "/origins", message }] });
    }
    const both = used_by.find((user) => other.used_by.some((one) => one.id === user.id));
    if (both === undefined) continue;
    const message = `names ${both.id}, for which another member's credential acts there`;
    throw new Refusal("invalid_request", { errors: [{ path: "/used_by", message }] });
  }
}

/** Takes a credential out of the vault, with all that is kept of it. */
export function removeRows(transaction: Transaction, id: string): void {
  const { orgId } = transaction.snapshot;
  markErased(transaction);
  transaction.deletePolicy(vaultKey(orgId, id));
  for (const keyOf of [vaultSecretKey, vaultBeforeKey, vaultGrantKey, credentialUsedKey]) {
    transaction.delete(keyOf(orgId, id));
  }
}

/** Removes what a member kept of their own, in the commit that ends what is theirs. */
export function removeOwn(
  transaction: Transaction,
  member: string,
  { because, actor, request_id }: {
    readonly because: string;
    readonly actor: Actor;
    readonly request_id: string;
  },
): void {
  for (const { id, kind, origins, name } of ownedBy(transaction.snapshot, member)) {
    removeRows(transaction, id);
    transaction.append({
      type: "credential.deleted",
      actor,
      subject: { credential: id },
      data: { because, kind, origins: [...origins], request_id },
      private: { name },
    });
  }
}
