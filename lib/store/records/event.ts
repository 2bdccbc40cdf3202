import { z } from "zod";
import { BUDGET_SCOPES } from "./budget.ts";

/** Records of what happened, for whoever listens. Each holds ids and choices from lists, no words. */

const timestamp = z.number().int().nonnegative();

const id = z.string();

/** What can happen to a request, once each time. */
export const APPROVAL_EVENTS = [
  "approval.created",
  "approval.escalated",
  "approval.decided",
  "approval.expired",
  "approval.cancelled",
  "approval.revoked",
] as const;

export type ApprovalEventType = (typeof APPROVAL_EVENTS)[number];

/** What a kill switch stops. */
export const SWITCH_SCOPES = ["org", "agent", "tool"] as const;

export type SwitchScope = (typeof SWITCH_SCOPES)[number];

/** What can become of the question to an end user. */
export const CONFIRMATION_OUTCOMES = ["approved", "denied", "expired", "cancelled"] as const;

export type ConfirmationOutcome = (typeof CONFIRMATION_OUTCOMES)[number];

/** Why nothing is sent to an endpoint any more: it said that it is gone, or took nothing for days. */
export const DISABLED_WHY = ["gone", "failing"] as const;

export type DisabledWhy = (typeof DISABLED_WHY)[number];

/**
 * What happened, and to what: every type of event, with all that its row says besides. Whatever else
 * is told of it is read from the rows of these when it is sent. Strict, so that none says more.
 */
const happening = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(APPROVAL_EVENTS), approval: id }),
  /** By its id: agents name the tools that they discover. */
  z.strictObject({ type: z.literal("tool.auto_created"), tool_id: id }),
  z.strictObject({ type: z.literal("tool.drifted"), tool_id: id }),
  z.strictObject({ type: z.literal("credential.needs_reconnect"), credential: id }),
  z.strictObject({ type: z.literal("execution.unknown"), token: id }),
  z.strictObject({
    type: z.literal("kill_switch.changed"),
    scope: z.enum(SWITCH_SCOPES),
    id,
    active: z.boolean(),
  }),
  z.strictObject({
    type: z.literal("confirmation.resolved"),
    /** The request whose user's seat it is. */
    request: id,
    mandate: id,
    outcome: z.enum(CONFIRMATION_OUTCOMES),
  }),
  z.strictObject({ type: z.literal("mandate.revoked"), mandate: id, by: id }),
  z.strictObject({
    type: z.enum(["budget.threshold", "budget.overrun"]),
    scope_kind: z.enum(BUDGET_SCOPES),
    mandate: id.nullable(),
    percent: z.number().int().nonnegative(),
    limit_micros: z.number().int().nonnegative(),
    spent_micros: z.number().int().nonnegative(),
  }),
  z.strictObject({
    type: z.literal("webhook.disabled"),
    webhook: id,
    why: z.enum(DISABLED_WHY),
  }),
]);

export type Happening = z.infer<typeof happening>;

export type EventType = Happening["type"];

/** Events that endpoints may hear of, those of causes that are still to come among them. */
export const HEARD_TYPES = [
  ...APPROVAL_EVENTS,
  "tool.auto_created",
  "tool.drifted",
  "execution.unknown",
  "kill_switch.changed",
  "credential.needs_reconnect",
  "mandate.revoked",
  "confirmation.resolved",
  "budget.threshold",
  "budget.overrun",
  "credits.low",
  "webhook.test",
  "webhook.disabled",
] as const;

export type HeardType = (typeof HEARD_TYPES)[number];

/** One event. Its id is the same wherever and however often it is told. */
export const eventRecord = z.object({
  id,
  happening,
  created_at: timestamp,
  expires_at: timestamp,
});

export type EventRecord = z.infer<typeof eventRecord>;
