import type { JsonObject } from "../base/json.ts";
import type { Entry } from "../ledger/entry.ts";

/**
 * What a receipt claims: one entry of the log in the words of whoever checks it without knowing this
 * service. Pure: the same entry gives the same claims for ever. What the log keeps private is not in
 * them, but for whom a mandate is of.
 */

/** Which terms a mandate was granted on. */
interface PolicyRef {
  readonly policy_id: string;
  readonly policy_version: number;
  /** Hex. */
  readonly definition_sha256: string;
}

/** The mandate that an entry is about, as far as a receipt tells of it: none of this ever changes. */
export interface ClaimedMandate {
  readonly id: string;
  readonly user_id: string;
  readonly agent: string;
  readonly policy_ref: PolicyRef;
}

/** An entry in its place, and what it is about. */
export interface Claimed {
  readonly entry: Entry;
  readonly leaf_hash: string;
  /** Name of the log. */
  readonly log: string;
  /** Null for an entry that is about none. */
  readonly mandate: ClaimedMandate | null;
  /** `sha256:` and the digest of what `ENGINE` says. */
  readonly engine_version: string;
}

/** What is signed, a closed set of members. */
export interface Claims extends JsonObject {
  schema_version: "5";
  receipt_id: string;
  workspace_id: string;
  issued_at: string;
  decision: string;
  reason: string;
  user_id: string;
  agent_id: string;
  resource: string | null;
  context: JsonObject;
  authorization_id: string | null;
  policy_ref: JsonObject | null;
  engine_version: string;
}

/**
 * The rules that decisions are made by. It names them and no release, so that a receipt is the same
 * whichever release signs it; other rules get another name.
 */
export const ENGINE = { name: "countersign", rules: "chain-12+mandates-1" } as const;

/** The id of the receipt of an entry: the entry's own, with another prefix. */
export function receiptId({ id }: Pick<Entry, "id">): string {
  return `rcp_${id.slice(4)}`;
}

/**
 * Whether an entry can have a receipt: a check has, what happens to a mandate, and the use of an approval,
 * by which what a check alone did not allow may be done after all.
 */
export function mayHaveReceipt(
  { type, subject, data }: Pick<Entry, "type" | "subject" | "data">,
): boolean {
  if (type === "permission.checked") return true;
  if (typeof subject.mandate !== "string") return false;
  if (type === "token.minted") return typeof subject.approval === "string";
  return (type === "execution.logged" && typeof data.cost_micros === "number") ||
    /^(mandate\.\w+|budget\.settled|approval\.decided)$/.test(type);
}

/** What kind of receipt an entry has, and what that says besides the rest. */
interface Kind {
  readonly is: { readonly action: string } | { readonly event: string };
  readonly decision: string;
  readonly reason: string;
  readonly resource: string | null;
  readonly context: JsonObject;
}

/** What the receipt of an entry claims; null for an entry that has none. */
export function claimsOf(claimed: Claimed): Claims | null {
  const { entry, leaf_hash, log, mandate, engine_version } = claimed;
  const kind = kindOf(entry, mandate !== null);
  if (kind === null) return null;
  const { is, decision, reason, resource, context } = kind;
  return {
    ...is,
    schema_version: "5",
    receipt_id: receiptId(entry),
    workspace_id: entry.org,
    issued_at: entry.at,
    decision,
    reason,
    user_id: mandate?.user_id ?? "",
    agent_id: mandate?.agent ?? entry.actor.id,
    resource,
    context: { ...context, countersign: { log, index: entry.index, leaf_hash } },
    authorization_id: mandate?.id ?? null,
    policy_ref: mandate === null ? null : { ...mandate.policy_ref },
    engine_version,
  };
}

function kindOf(entry: Entry, hasMandate: boolean): Kind | null {
  if (entry.type === "permission.checked") return checkKind(entry);
  if (!hasMandate) return null;
  // Everything else is an event of a mandate, or nothing that a receipt tells of.
  return entry.type === "token.minted" ? useKind(entry) : eventKind(entry);
}

function checkKind({ subject, data }: Entry): Kind | null {
  const decision = decisionOf(data);
  if (typeof subject.tool !== "string" || decision === null) return null;
  return {
    is: { action: subject.tool },
    decision,
    reason: textOr(data.resolved_from, decision),
    resource: textOr(subject.resource, null),
    context: picked({
      action_digest: data.action_digest,
      estimated_cost_micros: data.estimated_cost_micros,
      mandate_seq: data.mandate_seq,
      method: subject.method,
      tenant: subject.tenant,
    }),
  };
}

/** What was approved is allowed once, and here it was taken. */
function useKind({ subject, data }: Entry): Kind | null {
  if (typeof subject.tool !== "string" || typeof subject.approval !== "string") return null;
  return {
    is: { action: subject.tool },
    decision: "allow",
    reason: "approval_used",
    resource: textOr(subject.resource, null),
    context: picked({
      action_digest: data.action_digest,
      approval: subject.approval,
      decision: data.decision_id,
      mandate_seq: data.mandate_seq,
      method: subject.method,
      tenant: subject.tenant,
      token: subject.token,
    }),
  };
}

function decisionOf({ permission, resolved_from, seats }: JsonObject): string | null {
  switch (permission) {
    case "allowed":
      return "allow";
    case "disabled":
      return "deny";
    case "requires_approval":
      return (Array.isArray(seats) ? seats.includes("user") : resolved_from === "mandate_user")
        ? "confirm"
        : "escalate";
    default:
      return null;
  }
}

function eventKind({ type, subject, data }: Entry): Kind | null {
  const event = (event: string, decision: string, context: JsonObject): Kind => ({
    is: { event },
    decision,
    reason: type.replace(".", "_"),
    resource: null,
    context: picked({ mandate_seq: data.mandate_seq, tenant: subject.tenant, ...context }),
  });
  switch (type) {
    case "mandate.granted":
      return event(
        "authorization.create",
        "authorization_granted",
        picked({ expires_at: data.expires_at, replaces: data.replaces }),
      );
    case "mandate.revoked":
      return event("authorization.revoke", "authorization_revoked", {});
    case "mandate.superseded":
      return event("authorization.revoke", "authorization_revoked", picked({ by: data.by }));
    case "budget.settled":
      return event(
        "budget.settle",
        "budget_settled",
        picked({
          actual_cost_micros: data.actual_cost_micros,
          decision: subject.decision,
          estimated_cost_micros: data.estimated_cost_micros,
        }),
      );
    case "execution.logged":
      if (typeof data.cost_micros !== "number") return null;
      return event(
        "budget.settle",
        "budget_settled",
        picked({
          action_digest: data.action_digest,
          actual_cost_micros: data.cost_micros,
          execution: subject.execution,
          token: subject.token,
        }),
      );
    case "approval.decided": {
      const noun = data.seat === "user" ? "confirmation" : "escalation";
      const decided = data.decision === "approve" ? "approved" : "rejected";
      return event(
        `${noun}.resolve`,
        `${noun}_${decided}`,
        picked({
          action_digest: data.action_digest,
          approval: subject.approval,
          level: data.level,
          view_digest: data.view_digest,
        }),
      );
    }
    default:
      return null;
  }
}

/** The members that an entry has. */
function picked(members: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject {
  const all: JsonObject = {};
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined && value !== null) all[name] = value;
  }
  return all;
}

function textOr<T>(value: JsonObject[string] | undefined, other: T): string | T {
  return typeof value === "string" ? value : other;
}
