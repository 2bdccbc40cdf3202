import { z } from "zod";
import {
  checkAndUse,
  decidedDigest,
  loadActionPolicy,
  NO_MANDATE,
} from "../../lib/allowly/check.ts";
import { evaluation } from "../../lib/allowly/evaluation.ts";
import { type Noted, noted, receiptOf } from "../../lib/allowly/noted.ts";
import type { ActionPolicy } from "../../lib/allowly/policy.ts";
import { receiptForClient } from "../../lib/allowly/receipts.ts";
import { confirmedAction, escalationId } from "../../lib/allowly/prompts.ts";
import { confirmationId } from "../../lib/approvals/nonce.ts";
import type { Authorized } from "../../lib/authorize/authorize.ts";
import type { Action } from "../../lib/base/action.ts";
import { isId } from "../../lib/base/id.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { allowedUnder, type DecidedUnder } from "../../lib/decisions/under_mandate.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import { countedIn } from "../../lib/mandates/budget.ts";
import { loadStanding } from "../../lib/mandates/mandate.ts";
import { receiptId } from "../../lib/receipts/claims.ts";
import { ENGINE_VERSION } from "../../lib/receipts/issue.ts";
import { invalidRequest, type RecordedRefusal } from "../../lib/refusal.ts";
import { actionFields, resourceId, sessionField, toolName } from "../fields/action.ts";
import { micros } from "../fields/budget.ts";
import type { Answer, Call } from "../http/call.ts";
import { pendingReceipt, receiptEnvelope, timeOf, translated } from "./surface.ts";

/** Checks: each action of one is a decision of its own, in a commit of its own. */

const time = z.iso.datetime();

const checkBody = z.strictObject({
  authorization_id: z.string().min(1, "must not be empty").max(128, "has at most 128 characters"),
  actions: z.array(toolName).min(1, "must name an action").max(32, "has at most 32 actions")
    .refine((names) => new Set(names).size === names.length, "names an action twice"),
  resource: resourceId.nullish(),
  session_id: sessionField.nullish(),
  estimated_cost_micros: micros.nullish(),
  context: actionFields.arguments,
  client_timestamp: z.iso.datetime({ offset: true }).nullish()
    .describe("Taken, and not believed: the log has its own time"),
});

const checkQuery = z.strictObject({
  wait: z.enum(["true", "false"]).default("false")
    .describe("Whether the receipts are to be signed already"),
});

const budget = z.strictObject({
  limit_micros: z.int(),
  spent_micros: z.int(),
  estimated_cost_micros: z.int(),
  spent_after_micros: z.int().optional(),
});

const common = {
  reason: z.string(),
  receipt: receiptEnvelope,
  budget: budget.optional(),
  policy_eval: z.record(z.string(), z.json()).optional(),
};

const result = z.union([
  z.strictObject({ decision: z.literal("allow"), ...common }),
  z.strictObject({
    decision: z.literal("deny"),
    ...common,
    superseded_by: z.string().optional(),
  }),
  z.strictObject({
    decision: z.literal("confirm"),
    ...common,
    confirm_nonce: z.string(),
    confirm_expires_at: time,
    confirm_prompt_hint: z.string(),
    confirmation_id: z.string(),
  }),
  z.strictObject({
    decision: z.literal("escalate"),
    ...common,
    escalation_id: z.string(),
    escalation_to: z.string().optional(),
    escalation_expires_at: time,
    escalation: z.strictObject({
      escalation_id: z.string(),
      status: z.literal("pending"),
      escalation_to: z.string().optional(),
      expires_at: time,
    }),
  }),
]);

const checkAnswer = z.strictObject({
  authorization_id: z.string(),
  user_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  authorization_expires_at: time.nullable(),
  engine_version: z.string(),
  results: z.record(z.string(), result),
});

type CheckCall = Call<undefined, z.output<typeof checkQuery>, z.output<typeof checkBody>>;

/** One action's answer, with what all of them share. */
interface Checked {
  readonly shared: JsonObject;
  readonly result: JsonObject;
}

interface Named {
  readonly mandate_id: string;
  /** What the user confirmed, where the check names that; null where it names an authorization. */
  readonly confirmed: string | null;
}

async function check(call: CheckCall): Promise<Answer> {
  if (call.request.headers.has("x-allowly-agent-token")) {
    const message = "is not taken: an agent of this service has a credential of its own";
    throw invalidRequest("/x-allowly-agent-token", message);
  }
  const { actions, authorization_id } = call.body;
  const named = await namedBy(call, authorization_id);
  const results: [string, JsonObject][] = [];
  let shared: JsonObject = {};
  for (const [i, tool] of actions.entries()) {
    const answer = await checkAction(call, named, tool, i);
    // A refusal, as it was kept for a repetition.
    if (answer.status !== 200) return answer;
    const one = answer.body as unknown as Checked;
    shared = one.shared;
    results.push([tool, call.query.wait === "true" ? await signed(call, one.result) : one.result]);
  }
  const body = {
    authorization_id,
    ...shared,
    engine_version: ENGINE_VERSION,
    results: Object.fromEntries(results),
  };
  return { status: 200, body };
}

/** Which mandate is asked under. One whom nobody has been granted is no mandate of anybody's. */
async function namedBy(call: CheckCall, id: string): Promise<Named> {
  if (isId(id, "mdt")) return { mandate_id: id, confirmed: null };
  const confirmed = await call.transact(confirmedAction(id));
  return confirmed === null || confirmed.mandate === null
    ? { mandate_id: NO_MANDATE, confirmed: null }
    : { mandate_id: confirmed.mandate.id, confirmed: confirmed.action_digest };
}

interface Loaded {
  readonly loaded: unknown;
  readonly policy: ActionPolicy | null;
}

interface Told {
  readonly noted: Noted<Authorized>;
  readonly policy: ActionPolicy | null;
}

/** Checks one action, in a commit that keeps its answer where the request has an `Idempotency-Key`. */
async function checkAction(
  call: CheckCall,
  { mandate_id, confirmed }: Named,
  tool: string,
  part: number,
): Promise<Answer> {
  const { body, client } = call;
  const action: Action = {
    tool,
    tenant: null,
    resource: body.resource ?? null,
    method: null,
    arguments: body.context ?? {},
  };
  // What a user confirmed is good for that action alone, whatever else their mandate allows.
  const isOther = confirmed !== null && confirmed !== await call.transact(decidedDigest(action));
  const asking = noted(checkAndUse({
    mandate_id: isOther ? NO_MANDATE : mandate_id,
    user_id: null,
    estimated_cost_micros: body.estimated_cost_micros ?? null,
    session_id: body.session_id ?? null,
    action,
  }, client));
  const { prepare } = asking;
  const operation: MachineOperation<Loaded, Told | RecordedRefusal> = {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader, caller) {
      const [loaded, mandate] = await Promise.all([
        asking.load?.(reader, caller),
        loadStanding(reader, mandate_id),
      ]);
      return {
        loaded,
        policy: mandate === null ? null : await loadActionPolicy(reader, mandate, tool),
      };
    },
    plan(transaction, caller, { loaded, policy }) {
      const told = asking.plan(transaction, caller, loaded);
      return "result" in told ? { noted: told, policy } : told;
    },
  };
  return call.commit(operation, (told) => {
    const answer = rendered(call, action, told);
    const { decision } = told.noted.result.checked;
    const isAllowed = decision.resolution.permission === "allowed" ||
      told.noted.result.token !== null;
    const under = isAllowed ? allowedUnder([decision]) : [];
    return {
      status: 200,
      body: answer as unknown as JsonValue,
      ...(under.length > 0 ? { granted: { token_id: null, under } } : {}),
    };
  }, { part });
}

function rendered(call: CheckCall, action: Action, { noted, policy }: Told): Checked {
  const { result: authorized, entries } = noted;
  const { decision } = authorized.checked;
  const { mandate } = decision;
  const record = mandate?.record ?? null;
  const used = receiptOf(entries, "token.minted");
  const policy_eval = policy === null || record === null
    ? null
    : evaluation(policy, action.arguments);
  const told = budgetTold(call, mandate, decision.resolution.permission === "allowed");
  const shown = {
    receipt: pendingReceipt(call.services, used ?? receiptId(decision)),
    ...(told === null ? {} : { budget: told }),
    ...(policy_eval === null ? {} : { policy_eval }),
  };
  return {
    shared: {
      user_id: record?.user_id ?? null,
      agent_id: record?.agent ?? null,
      authorization_expires_at: record === null ? null : timeOf(record.expires_at),
    },
    result: { ...answerOf(call, action, authorized, policy), ...shown },
  };
}

function answerOf(
  call: CheckCall,
  { tool }: Action,
  { checked: { decision }, token, asked }: Authorized,
  policy: ActionPolicy | null,
): JsonObject {
  const { permission, resolved_from } = decision.resolution;
  if (token !== null) {
    const isUsers = decision.mandate?.seats?.members === false;
    const via = isUsers ? "confirmation" : "escalation";
    return { decision: "allow", reason: `authorization_granted_via_${via}` };
  }
  if (permission === "allowed") {
    return { decision: "allow", reason: "authorization_granted_action_active" };
  }
  if (permission === "disabled" || asked === null) {
    const by = decision.mandate?.record?.ended?.by ?? null;
    return {
      decision: "deny",
      reason: deniedBy(decision.mandate, resolved_from, tool),
      ...(by === null ? {} : { superseded_by: by }),
    };
  }
  const { record } = asked.approval;
  if (asked.nonce !== null && record.user_seat !== null && record.progress.state === "pending") {
    const agent = decision.mandate?.record?.agent ?? call.caller.name;
    return {
      decision: "confirm",
      reason: resolved_from === "mandate_condition"
        ? "confirm_condition_matched"
        : "action_requires_user_confirmation",
      confirm_nonce: asked.nonce,
      confirm_expires_at: timeOf(record.user_seat.expires_at),
      confirm_prompt_hint: `Let ${agent} do ${tool}?`,
      confirmation_id: confirmationId(record.id),
    };
  }
  const to = targetOf(policy);
  const escalation = {
    escalation_id: escalationId(record.id),
    ...(to === null ? {} : { escalation_to: to }),
  };
  const expires_at = timeOf(record.expires_at);
  return {
    decision: "escalate",
    reason: "escalation_required",
    ...escalation,
    escalation_expires_at: expires_at,
    escalation: { ...escalation, status: "pending", expires_at },
  };
}

/** Reasons that these clients have a name for; every other is told by ours. */
const DENIED: Readonly<Record<string, string>> = {
  mandate_not_found: "authorization_not_found",
  mandate_revoked: "authorization_revoked",
  mandate_superseded: "authorization_superseded",
  mandate_expired: "authorization_expired",
  mandate_scope: "action_not_in_authorization",
  mandate_resource: "resource_tombstoned",
  mandate_rate: "rate_limit_exceeded",
  mandate_budget: "budget_exceeded",
};

function deniedBy(mandate: DecidedUnder | null, resolved_from: string, tool: string): string {
  const isNamed = mandate?.record?.scopes.includes(tool) ?? false;
  if (resolved_from === "mandate_scope" && isNamed) return "action_denied";
  return DENIED[resolved_from] ?? resolved_from;
}

/** Whom a policy names to escalate to: told as it was written, whoever decides here. */
function targetOf(policy: ActionPolicy | null): string | null {
  if (policy === null) return null;
  const all = [policy, ...policy.rules];
  return all.find(({ decision }) => decision === "escalate")?.target ?? null;
}

/** What counts against the mandate's own budget, before and with this check. */
function budgetTold(
  { body }: CheckCall,
  mandate: DecidedUnder | null,
  isCounted: boolean,
): JsonObject | null {
  const row = mandate?.budget ?? null;
  if (mandate === null || row === null) return null;
  const estimate = mandate.reservation?.estimate ?? body.estimated_cost_micros ?? 0;
  const counted = countedIn(row);
  return {
    limit_micros: row.limit,
    spent_micros: isCounted ? Math.max(0, counted - estimate) : counted,
    estimated_cost_micros: estimate,
    ...(isCounted ? { spent_after_micros: counted } : {}),
  };
}

/** The answer with its receipt signed. */
async function signed(call: CheckCall, result: JsonObject): Promise<JsonObject> {
  const { receipt_id } = result.receipt as { receipt_id: string };
  const { caller, origin } = await call.transact({
    plan: ({ snapshot }, caller) => ({ caller, origin: snapshot.org.log_origin }),
  });
  const receipt = await receiptForClient(call.services, caller, origin, receipt_id);
  return { ...result, receipt: { status: "signed", receipt: { ...receipt } } };
}

export const checkRoutesOfAllowly = [
  translated({
    method: "post",
    path: "/v1/check",
    summary: "Check actions under an authorization",
    callers: ["standard"],
    query: checkQuery,
    body: checkBody,
    answers: { 200: checkAnswer },
    refusals: [
      "invalid_arguments",
      "recently_denied",
      "no_second_level",
      "tool_not_registered",
      "too_many_pending",
      "estimate_required",
    ],
    handle: check,
  }),
];
