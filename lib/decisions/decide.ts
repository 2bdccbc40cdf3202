import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { Action } from "../actions/action.ts";
import { actionDigest } from "../actions/action_digest.ts";
import { actorOf, type Caller } from "../identity/caller.ts";
import type { Placed } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { scrubText } from "../scrub/scrub.ts";
import { type Resolution, resolve, type Via } from "../policy/chain.ts";
import type { JsonValue } from "../json/json_value.ts";

/** Where a request came from; kept in the private part of its entry. */
export interface Client {
  readonly ip: string | null;
  readonly user_agent: string | null;
  /** The id that the answer carries and the logs name. */
  readonly request_id: string;
  readonly via: Via;
}

/** What is asked besides the action itself. */
export interface CheckRequest {
  readonly action: Action;
  /** As it came; it is scrubbed before it is stored. */
  readonly reason: string | null;
  readonly reference_id: string | null;
  readonly explain: boolean;
}

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
 * @throws {Refusal} invalid_request for ids that may not enter the log
 */
export function decide(
  transaction: Transaction,
  caller: Caller,
  request: CheckRequest,
  client: Client,
): Decision {
  const { snapshot } = transaction;
  const { action } = request;
  const ids = { "/tenant_id": action.tenant, "/resource_id": action.resource };
  assertNoPersonalIds(snapshot.org, ids);
  const resolution = resolve(snapshot, action, caller, {
    via: client.via,
    explain: request.explain,
  });
  const id = transaction.id("dec");
  const digest = actionDigest(snapshot.orgId, action);
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
      reference_id: request.reference_id,
      request_id: client.request_id,
      resolved_from: resolution.resolved_from,
      rule_id: resolution.rule?.id ?? null,
    },
    private: privateValues(request, client, snapshot.org.retain_arguments),
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

function privateValues(
  request: CheckRequest,
  client: Client,
  retainArguments: boolean,
): Record<string, JsonValue> {
  const values: Record<string, JsonValue> = {
    client: { ip: client.ip, user_agent: client.user_agent },
  };
  if (request.reason !== null) values.reason = scrubText(request.reason).text;
  if (retainArguments && Object.keys(request.action.arguments).length > 0) {
    values.arguments = request.action.arguments;
  }
  return values;
}
