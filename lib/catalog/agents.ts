import type { JsonObject } from "../base/json.ts";
import { tellOfSwitch } from "../events/event.ts";
import type { CallerOperation } from "../identity/acting.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import { makeSecret, secretHash } from "../identity/credentials.ts";
import { assertKillSwitch, demand } from "../identity/deeds.ts";
import { schedule } from "../ledger/commit.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { agentWidens } from "../policy/widening.ts";
import { Refusal } from "../refusal.ts";
import { agentKey, credentialKey, credentialUsedKey } from "../store/keys.ts";
import type { AgentRecord, CredentialIndex } from "../store/records/identity.ts";
import { assertMachineFields, machineEntry, type MachineFields } from "./api_keys.ts";

/**
 * Agents as an org's catalog has them: made, changed, stopped, given a new token, removed. Each is
 * one commit with its entry; a token is known once, when it is made.
 */

/** An agent as it is asked for. */
interface NewAgent extends MachineFields {
  readonly kill_switch: AgentRecord["kill_switch"];
}

/** What is to be another way; what is absent stays. Which mandates it may name is fixed for its life. */
export type AgentChange = Partial<Omit<NewAgent, "mandate_ids" | "login">>;

/** An agent after a write. */
interface WrittenAgent {
  readonly record: AgentRecord;
  readonly policy_version: number;
}

/** An agent with a new token: the only time that it is known. */
export interface TokenedAgent extends WrittenAgent {
  readonly secret: string;
}

/**
 * Makes an agent. The member who makes it answers for it, or those who answer for the key that does.
 * @throws {Refusal} invalid_request, role_required, recovery_held, fresh_assertion_required
 */
export function createAgent(
  fields: NewAgent,
  requestId: string,
): CallerOperation<void, TokenedAgent> {
  return {
    plan(transaction, caller) {
      demand(caller, "loosen", "Making an agent");
      assertMachineFields(transaction, fields);
      const secret = makeSecret("agent", transaction.deps.random);
      const record: AgentRecord = {
        id: transaction.id("agt"),
        name: fields.name,
        secret_hash: secretHash(secret),
        trust_tier: fields.trust_tier,
        tenant_ids: fields.tenant_ids,
        expires_at: fields.expires_at,
        rate_limit_per_minute: fields.rate_limit_per_minute,
        kill_switch: fields.kill_switch,
        void_before: 0,
        mandate_ids: fields.mandate_ids ?? null,
        ...(fields.login === undefined ? {} : { login: fields.login }),
        members_behind: [...caller.members_behind],
        created_at: transaction.at,
      };
      storeAgent(transaction, null, record);
      putCredential(transaction, record);
      appendAgentEntry(transaction, caller, "agent.created", record.id, fields, requestId);
      return { record, secret, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Changes an agent.
 * @throws {Refusal} not_found, owner_required, invalid_request, role_required, recovery_held,
 *   fresh_assertion_required
 */
export function changeAgent(
  id: string,
  change: AgentChange,
  requestId: string,
): CallerOperation<void, WrittenAgent> {
  return {
    plan(transaction, caller) {
      const old = existingAgent(transaction, id);
      const record: AgentRecord = { ...old, ...change };
      assertKillSwitch(transaction.snapshot, caller, old.kill_switch, record.kill_switch);
      if (agentWidens(old, record)) demand(caller, "loosen", "Letting an agent do more");
      demand(caller, "configure");
      assertMachineFields(transaction, change);
      storeAgent(transaction, old, record);
      appendAgentEntry(transaction, caller, "agent.set", id, change, requestId);
      return { record, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Stops an agent: its kill switch, by whoever may throw it.
 * @throws {Refusal} not_found, role_required
 */
export function pauseAgent(
  id: string,
  reason: string | null,
  requestId: string,
): CallerOperation<void, WrittenAgent> {
  return {
    plan(transaction, caller) {
      const record = stopAgent(transaction, caller, { id, reason, requestId });
      return { record, policy_version: transaction.policyVersion };
    },
  };
}

/**
 * Stops an agent in the commit of what is the reason for it. One that stands still already stays as
 * it is.
 * @throws {Refusal} not_found, role_required
 */
export function stopAgent(
  transaction: Transaction,
  caller: Caller,
  { id, reason, requestId }: {
    readonly id: string;
    readonly reason: string | null;
    readonly requestId: string;
  },
): AgentRecord {
  demand(caller, "stop");
  const old = existingAgent(transaction, id);
  if (old.kill_switch.active) return old;
  const kill_switch = { active: true, reason };
  const record: AgentRecord = { ...old, kill_switch };
  storeAgent(transaction, old, record);
  appendAgentEntry(transaction, caller, "agent.set", id, { kill_switch }, requestId);
  return record;
}

function storeAgent(transaction: Transaction, old: AgentRecord | null, next: AgentRecord): void {
  transaction.setPolicy(agentKey(transaction.snapshot.orgId, next.id), next);
  tellOfSwitch(transaction, { scope: "agent", id: next.id }, old, next);
}

/** What becomes of what an agent asked before its rotation. */
export interface Rotation {
  /**
   * Whether its unspent run tokens and its requests that are pending or unused stay good. Whoever
   * had the old token may have asked for them, so only for a rotation that was planned.
   */
  readonly keep_requests: boolean;
}

/**
 * Gives an agent a new token; the old one is void at once, and so is what was asked and minted with
 * it, unless it is kept. Whoever is handed the new one answers for what the agent asks from now on,
 * besides those who did.
 * @throws {Refusal} not_found, role_required, recovery_held, fresh_assertion_required
 */
export function rotateAgent(
  id: string,
  { keep_requests }: Rotation,
  requestId: string,
): CallerOperation<void, TokenedAgent> {
  return {
    plan(transaction, caller) {
      demand(caller, "loosen", "A new token for an agent");
      // Its new token is of whoever rotates it: no terminal gives it back.
      const { login: _ended, ...old } = existingAgent(transaction, id);
      const secret = makeSecret("agent", transaction.deps.random);
      const rotated: AgentRecord = {
        ...old,
        secret_hash: secretHash(secret),
        members_behind: [...new Set([...old.members_behind, ...caller.members_behind])],
      };
      // Any number of tokens fall under the one number, which each is compared with when it is used.
      const record: AgentRecord = keep_requests
        ? rotated
        : { ...rotated, void_before: transaction.snapshot.version + 1 };
      transaction.setPolicy(agentKey(caller.org, id), record);
      transaction.delete(credentialKey(old.secret_hash));
      putCredential(transaction, record);
      if (!keep_requests) schedule(transaction, { kind: "agent_rotated", at: transaction.now, id });
      appendAgentEntry(transaction, caller, "agent.rotated", id, {}, requestId, { keep_requests });
      return { record, secret, policy_version: transaction.policyVersion };
    },
  };
}

/** Removes an agent; its token is void at once. @throws {Refusal} not_found, role_required */
export function removeAgent(
  id: string,
  requestId: string,
): CallerOperation<void, WrittenAgent> {
  return {
    plan(transaction, caller) {
      demand(caller, "configure");
      const record = existingAgent(transaction, id);
      endAgent(transaction, record, { actor: actorOf(caller), data: { request_id: requestId } });
      return { record, policy_version: transaction.policyVersion };
    },
  };
}

/** Ends an agent, in the commit of what ends it. */
export function endAgent(
  transaction: Transaction,
  { id, secret_hash }: AgentRecord,
  { actor, data }: { readonly actor: Actor; readonly data: JsonObject },
): void {
  const { orgId } = transaction.snapshot;
  transaction.deletePolicy(agentKey(orgId, id));
  transaction.delete(credentialKey(secret_hash));
  transaction.delete(credentialUsedKey(orgId, id));
  transaction.append({ type: "agent.removed", actor, subject: { agent: id }, data });
}

/** The agent with this id in the transaction's org. @throws {Refusal} not_found */
export function existingAgent(transaction: Transaction, id: string): AgentRecord {
  const record = transaction.snapshot.agents.get(id);
  if (record === undefined) throw new Refusal("not_found", { what: `agent ${id}` });
  return record;
}

function putCredential(transaction: Transaction, { id, secret_hash }: AgentRecord): void {
  const index: CredentialIndex = { org: transaction.snapshot.orgId, kind: "agent", id };
  transaction.set(credentialKey(secret_hash), index);
}

function appendAgentEntry(
  transaction: Transaction,
  caller: Caller,
  type: "agent.created" | "agent.set" | "agent.rotated",
  id: string,
  fields: Partial<NewAgent>,
  requestId: string,
  data: JsonObject = {},
): void {
  const entry = machineEntry(fields);
  const { kill_switch } = fields;
  const hidden = {
    ...entry.private,
    ...(kill_switch?.reason ? { kill_switch_reason: kill_switch.reason } : {}),
  };
  transaction.append({
    type,
    actor: actorOf(caller),
    subject: { agent: id },
    data: {
      ...entry.data,
      ...(kill_switch === undefined ? {} : { kill_switch: kill_switch.active }),
      ...data,
      request_id: requestId,
    },
    ...(Object.keys(hidden).length === 0 ? {} : { private: hidden }),
  });
}
