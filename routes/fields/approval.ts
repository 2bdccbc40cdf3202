import { z } from "zod";
import { MAX_CONTEXT_BYTES } from "../../lib/approvals/ask.ts";
import type { Asked } from "../../lib/approvals/asking.ts";
import { MAX_NOTE } from "../../lib/approvals/decide.ts";
import type { SeenApproval } from "../../lib/approvals/seen.ts";
import { APPROVAL_STATUSES, seatNames, SEATS, statusOf } from "../../lib/approvals/state.ts";
import { confirmationId } from "../../lib/approvals/nonce.ts";
import { isId } from "../../lib/base/id.ts";
import { isJsonObject, type JsonObject } from "../../lib/base/json.ts";
import { pagePath } from "../../lib/base/page_path.ts";
import type { Settings } from "../../lib/services.ts";
import type { Review } from "../../lib/sheet/review.ts";
import { CANCELLED_BECAUSE, type Progress } from "../../lib/store/records/approval.ts";
import { party } from "../../lib/store/records/identity.ts";
import { QUICK_REASONS, RESOLVED_FROM } from "../../lib/store/records/vocabulary.ts";
import {
  actionFields,
  depthOf,
  hasMoreBytes,
  mandateFields,
  MAX_ARGUMENT_DEPTH,
  reasonField,
  referenceField,
  ruled,
  tenantId,
  toolName,
} from "./action.ts";
import { timeRange } from "./log.ts";
import { pageQuery } from "./paging.ts";

/** Inputs of the routes about approvals. */

const contextField = ruled(
  z.custom<JsonObject>(isJsonObject, "must be an object"),
  (value) => {
    if (depthOf(value) > MAX_ARGUMENT_DEPTH) {
      return `nests deeper than ${MAX_ARGUMENT_DEPTH} levels`;
    }
    return hasMoreBytes(value, MAX_CONTEXT_BYTES)
      ? `has more than ${MAX_CONTEXT_BYTES} bytes in canonical form`
      : null;
  },
).meta({ type: "object", description: "What helps the approver to decide" });

/** What a request says to the approver, on every route that makes one. */
export const askFields = {
  context: contextField.nullish(),
  timeout_seconds: z.int().min(60).max(7 * 24 * 3600).nullish()
    .describe("Shortens the tool's or the organization's timeout"),
};

export const requestBody = z.strictObject({
  ...actionFields,
  ...mandateFields,
  ...askFields,
  reason: reasonField,
  reference_id: referenceField.nullish(),
});

export const idParams = z.object({
  id: z.string().min(1).max(64).describe("Id, or reference such as REF-7K2M9QXV-4T8B"),
});

export const waitQuery = z.strictObject({
  wait: z.string().regex(/^[0-9]{1,2}$/, "must be a whole number from 0 to 60").transform(Number)
    .pipe(z.number().max(60, "must be at most 60")).default(0)
    .describe(
      "Seconds to hold the answer while the request is pending; at most 50, for many proxies give up after 60",
    ),
});

export const listQuery = z.strictObject({
  ...pageQuery,
  ...timeRange,
  status: z.enum(APPROVAL_STATUSES).optional(),
  tool_name: toolName.optional(),
  tenant_id: tenantId.optional(),
});

export const decideBody = z.strictObject({
  decision: z.enum(["approve", "deny"]),
  decided_by: z.string().min(3).max(320).describe("E-mail address of the member who decided"),
  note: z.string().min(1).max(MAX_NOTE).nullish(),
});

export const afterId = z.tuple([z.string().refine((text) => isId(text, "apr"))]);

const anyObject = z.record(z.string(), z.json());

const time = z.iso.datetime();

const decisionAnswer = z.object({
  level: z.int().min(1).max(2),
  decision: z.enum(["approve", "deny"]),
  decided_by: z.string().describe("The member, by id"),
  asserted_by: z.string().nullable().describe("The approver key that spoke for the member"),
  decided_at: time,
  note: z.string().nullable().describe("For the requester and approver keys"),
  quick_reason: z.enum(QUICK_REASONS).nullable().describe("Why it was denied, in one word"),
});

const reviewAnswer = z.object({
  view: anyObject.nullable().describe("What `view_digest` is the digest of, in RFC 8785 form"),
  asked_again: z.array(z.object({
    at: time,
    reason: z.string(),
    context: anyObject.nullable(),
    reference_id: z.string().nullable(),
  })),
  asked_times: z.int().describe("How often this requester asked for this action"),
  denied_times: z.int(),
});

/** What the question to a user is called, and until when it is open. */
export const confirmationAnswer = z.object({ id: z.string(), expires_at: z.iso.datetime() });

/** With what a user is asked; for the application alone, never for an agent. */
export const nonceAnswer = {
  nonce: z.string().optional()
    .describe("With it the question is seen and answered; for standard keys alone"),
  url: z.string().optional().describe("Our page for the user, which has the nonce in it"),
};

/** A request for approval. */
export const approvalAnswer = z.object({
  id: z.string(),
  reference: z.string(),
  status: z.enum(APPROVAL_STATUSES),
  level: z.int().min(0).max(2).describe("0 while the user of its mandate is asked"),
  levels: z.int().min(0).max(2).describe("How many of its seats are members'"),
  seat: z.enum(SEATS).optional().describe("Where it stands; under a mandate only"),
  seats: z.array(z.enum(SEATS)).optional().describe("Who decides it, in order"),
  confirmation: confirmationAnswer.optional()
    .describe("The question to the user, where they are asked"),
  levels_skipped: z.boolean(),
  tool_name: z.string(),
  tenant_id: z.string().nullable(),
  resource_id: z.string().nullable(),
  method: z.string().nullable(),
  arguments: anyObject.nullable().describe("For the requester and approver keys, else null"),
  action_digest: z.string(),
  view_digest: z.string(),
  reason: z.string().describe("Without personal data and secrets"),
  reference_id: z.string().nullable(),
  requested_by: party.omit({ sub_token: true }).extend({
    name: z.string(),
    sub_token_id: z.string().optional().describe("What they asked through; absent for their own"),
  }),
  resolved_from: z.enum(RESOLVED_FROM),
  rule_id: z.string().nullable(),
  decision_id: z.string(),
  mandate_id: z.string().nullable(),
  estimated_cost_micros: z.int().nullable().describe("What was said to be its cost at most"),
  created_at: time,
  expires_at: time,
  decided_at: time.nullable(),
  use_before: time.nullable(),
  decisions: z.array(decisionAnswer),
  token_id: z.string().nullable(),
  ended_because: z.enum([...CANCELLED_BECAUSE, "lapsed"]).nullable(),
  review_url: z.string(),
  warning: z.enum(["no_eligible_approver"]).nullable(),
  review: reviewAnswer.optional().describe("For approver keys that ask for one request"),
});

/** The wire form of a request as its reader may see it. */
export function renderApproval(
  { record, reason, arguments: args, decisions, warning }: SeenApproval,
  settings: Pick<Settings, "url">,
): JsonObject {
  const { progress, requester: { sub_token, ...requester } } = record;
  return {
    id: record.id,
    reference: record.reference,
    status: statusOf(progress),
    level: progress.level,
    levels: record.levels,
    ...renderSeats(record),
    levels_skipped: record.levels_skipped,
    tool_name: record.tool_name,
    tenant_id: record.tenant,
    resource_id: record.resource,
    method: record.method,
    arguments: args,
    action_digest: record.action_digest,
    view_digest: record.view_digest,
    reason,
    reference_id: record.reference_id,
    requested_by: {
      ...requester,
      ...(sub_token === undefined ? {} : { sub_token_id: sub_token }),
    },
    resolved_from: record.resolved_from,
    rule_id: record.rule_id,
    decision_id: record.decision_id,
    mandate_id: record.mandate?.id ?? null,
    estimated_cost_micros: record.estimated_cost_micros,
    created_at: timeOf(record.created_at),
    expires_at: timeOf(record.expires_at),
    decided_at: "decided_at" in progress ? timeOf(progress.decided_at) : null,
    use_before: "use_before" in progress ? timeOf(progress.use_before) : null,
    decisions: decisions.map((decided) => ({
      level: decided.level,
      decision: decided.decision,
      decided_by: decided.member,
      asserted_by: decided.asserted_by,
      decided_at: timeOf(decided.at),
      note: decided.note,
      quick_reason: decided.quick_reason,
    })),
    token_id: "token_id" in progress ? progress.token_id : null,
    ended_because: endedBecause(progress),
    review_url: `${settings.url.origin}/approvals/${record.id}`,
    warning,
  };
}

/** Whom a request under a mandate is put before. */
function renderSeats(record: SeenApproval["record"]): JsonObject {
  const { mandate, progress, user_seat, id } = record;
  if (mandate === null) return {};
  return {
    seat: SEATS[progress.level] ?? null,
    seats: seatNames(record),
    ...(user_seat === null ? {} : {
      confirmation: { id: confirmationId(id), expires_at: timeOf(user_seat.expires_at) },
    }),
  };
}

/** The wire form of what a user is asked with; nothing where nobody is handed it. */
export function renderNonce(
  { nonce }: Pick<Asked, "nonce">,
  { url }: Pick<Settings, "url">,
): JsonObject {
  return nonce === null ? {} : { nonce, url: url.origin + pagePath("/confirm/:nonce", { nonce }) };
}

/** The wire form of what somebody who decides looks at. */
export function renderReview({ view, asked_again, asked, denied }: Review): JsonObject {
  return {
    view,
    asked_again: [...asked_again],
    asked_times: asked,
    denied_times: denied,
  };
}

function endedBecause(progress: Progress): string | null {
  if (progress.state === "cancelled") return progress.because;
  return progress.state === "lapsed" ? "lapsed" : null;
}

function timeOf(at: number): string;

function timeOf(at: number | null): string | null;

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
