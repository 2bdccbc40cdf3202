import type { Action } from "../actions/action.ts";
import { assertNoPersonalIds, idsOfAction } from "../catalog/personal_ids.ts";
import { actorOf, type MachineCaller } from "../identity/caller.ts";
import type { Placed } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type Resolution, resolve } from "../policy/chain.ts";
import type { Question } from "./question.ts";

/** A decision and the entry that records it. */
export interface Decision {
  readonly id: string;
  readonly resolution: Resolution;
  readonly policy_version: number;
  readonly action: Action;
  readonly action_digest: string;
  /** Milliseconds. */
  readonly decided_at: number;
  readonly audit: Placed;
}

/**
 * The one place where a permission is resolved for somebody: decides on the transaction's snapshot
 * and puts the entry into the same commit, so that there is no decision without its record.
 *
 * @param tenant the action's, inside the caller's wall
 * @throws {Refusal} invalid_request for ids that may not enter the log
 */
export function decide(
  transaction: Transaction,
  caller: MachineCaller,
  question: Question,
  tenant: string | null,
): Decision {
  const { snapshot } = transaction;
  const { request, client } = question;
  question.prepare(transaction.deps, snapshot.orgId);
  const action = { ...request.action, tenant };
  assertNoPersonalIds(snapshot.org, idsOfAction(action));
  const resolution = resolve(snapshot, action, caller, {
    via: client.via,
    explain: request.explain,
  });
  const id = transaction.id("dec");
  const digest = question.digestOf(snapshot.orgId, action);
  const policy_version = snapshot.version;
  const audit = transaction.append({
    id,
    type: "permission.checked",
    actor: actorOf(caller),
    subject: {
      method: action.method,
      resource: action.resource,
      tenant: action.tenant,
      tool: action.tool,
    },
    data: {
      action_digest: digest,
      permission: resolution.permission,
      policy_version,
      reference_id: question.reference.shown,
      request_id: client.request_id,
      resolved_from: resolution.resolved_from,
      rule_id: resolution.rule?.id ?? null,
    },
    sealedOff: question.sealedOff(snapshot.org.retain_arguments),
  });
  return {
    id,
    resolution,
    policy_version,
    action,
    action_digest: digest,
    decided_at: transaction.at,
    audit,
  };
}
