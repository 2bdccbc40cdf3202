import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { membersBehind, party, withMembersBehind } from "./identity.ts";
import { REQUIRED_FACTS } from "./policy.ts";
import { userSeat } from "./user.ts";
import { QUICK_REASONS, RESOLVED_FROM } from "./vocabulary.ts";

/** Records of requests to humans. What an approver sees lies apart, sealed. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

const level = z.union([z.literal(1), z.literal(2)]);

export type ApprovalLevel = z.infer<typeof level>;

/** Where a request can stand: 0 is the end user's seat, which comes before those of members. */
const stand = z.union([z.literal(0), level]);

export type Stand = z.infer<typeof stand>;

/** By its requester, or by what changed since it was made or decided. */
export const CANCELLED_BECAUSE = [
  "withdrawn",
  "tool_changed",
  "rotated",
  "levels_raised",
  "facts_required",
  "decider_barred",
  "mandate_ended",
] as const;

/** Why a request was cancelled. */
export type Cancelled = (typeof CANCELLED_BECAUSE)[number];

const granted = { level: stand, decided_at: timestamp, use_before: timestamp };

/**
 * Where a request stands, each state with what is true in it and nothing else. The API calls
 * `approved`, `used` and `lapsed` alike `approved`.
 */
export const progress = z.discriminatedUnion("state", [
  z.object({ state: z.literal("pending"), level: stand }),
  z.object({ state: z.literal("approved"), ...granted }),
  z.object({ state: z.literal("used"), ...granted, used_at: timestamp, token_id: z.string() }),
  z.object({ state: z.literal("lapsed"), ...granted, ended_at: timestamp }),
  z.object({ state: z.literal("denied"), level: stand, decided_at: timestamp }),
  z.object({ state: z.literal("expired"), level: stand, ended_at: timestamp }),
  z.object({
    state: z.literal("cancelled"),
    level: stand,
    /** Null when it was cancelled before it was decided. */
    decided_at: timestamp.nullable(),
    ended_at: timestamp,
    because: z.enum(CANCELLED_BECAUSE),
  }),
  z.object({
    state: z.literal("revoked"),
    ...granted,
    ended_at: timestamp,
    /** The token that was minted from it and is void now. */
    token_id: z.string().nullable(),
  }),
]);

export type Progress = z.infer<typeof progress>;

export type ApprovalState = Progress["state"];

/** When a key was first shown a view. */
export const approvalReading = z.object({ at: timestamp });

/** What one person said at one level. */
export const levelDecision = z.object({
  level,
  decision: z.enum(["approve", "deny"]),
  member: z.string(),
  /** The approver key that spoke for the member; null when the member signed it. */
  asserted_by: z.string().nullable(),
  at: timestamp,
  /** The scrubbed note, sealed; null when there is none. */
  note: bytes.nullable(),
  /** Why it was denied, in one word; null where none was chosen. */
  quick_reason: z.enum(QUICK_REASONS).nullable().default(null),
});

export type LevelDecision = z.infer<typeof levelDecision>;

export const requester = party.extend({ name: z.string() });

export type Requester = z.infer<typeof requester>;

export const approvalFields = z.object({
  id: z.string(),
  /** What people call it: `REF-XXXXXXXX-XXXX`. */
  reference: z.string(),
  progress,
  /** How many of its seats are members'; 0 where the end user alone is asked. */
  levels: stand,
  /** The end user's seat, which is decided first. Null where only members are asked. */
  user_seat: userSeat.nullable().default(null),
  /** True when a second approval was wanted and nobody could give it. */
  levels_skipped: z.boolean(),
  /** Whether the members behind the requester may not decide, as it was when this was made. */
  duties_separated: z.boolean(),
  tool_name: z.string(),
  tool_id: z.string(),
  tenant: z.string().nullable(),
  resource: z.string().nullable(),
  method: z.string().nullable(),
  /** What its tool required and it lacked when it was asked: the approver was shown that. */
  missing_facts: z.array(z.enum(REQUIRED_FACTS)).default([]),
  action_digest: z.string(),
  /** Of the frozen view with everything asked again so far. */
  view_digest: z.string(),
  /** Of the tool as the view shows it: another one cancels the request. */
  definition_digest: z.string(),
  /**
   * Whose account acts as the view shows it, by the name that `actsAs` has for it: another one cancels
   * the request. Null for nobody's, absent where it is not run through here.
   */
  acts_as: z.string().nullable().exactOptional(),
  requester,
  /** The policy it was asked under; 0 in records from before it was kept. */
  policy_version: z.number().int().nonnegative().default(0),
  /** Who answered for the requester when it was asked; who does now counts as well. */
  members_behind: membersBehind,
  resolved_from: z.enum(RESOLVED_FROM),
  rule_id: z.string().nullable(),
  decision_id: z.string(),
  /** The mandate that it was asked under, and when that ends by itself. */
  mandate: z.object({
    id: z.string(),
    expires_at: timestamp,
    /** The first of its line, where that is another one. */
    first: z.string().exactOptional(),
  }).nullable().default(null),
  /** What it was said to cost: more than that was not approved. Null where nobody said. */
  estimated_cost_micros: z.number().int().nonnegative().nullable().default(null),
  reference_id: z.string().nullable(),
  created_at: timestamp,
  expires_at: timestamp,
  /** Seconds that an approval of this request can be used for. */
  use_seconds: z.number().int().positive(),
  decisions: z.array(levelDecision),
  /** When it was asked again, RFC 3339, and the digest of what was said; the oldest first. */
  asked_again: z.array(z.object({ at: z.string(), digest: z.string() })),
  /** The scrubbed reason, sealed. */
  reason: bytes,
  /** In how many pieces the view is kept, its arguments aside. */
  view_pieces: z.number().int().positive(),
  /** Whether the arguments are still kept. */
  arguments_kept: z.boolean(),
});

export const approvalRecord = z.preprocess(withMembersBehind, approvalFields);

export type ApprovalRecord = z.infer<typeof approvalRecord>;

/** A row of an index: which request its key leads to. */
export const approvalPointer = z.object({ id: z.string() });

export type ApprovalPointer = z.infer<typeof approvalPointer>;

/** Deadlines of the requests that are open: one that has passed does not count, noted or not. */
export const orgCount = z.object({ deadlines: z.array(timestamp) });

export type OrgCount = z.infer<typeof orgCount>;

export const requesterCount = z.object({
  deadlines: z.array(timestamp),
  /** When requests were made in the past minute, milliseconds. */
  recent: z.array(timestamp),
});

export type RequesterCount = z.infer<typeof requesterCount>;

/** What a requester asked before about one action. */
export const askHistory = z.object({
  asked: z.number().int().nonnegative(),
  denied: z.number().int().nonnegative(),
  last_denial: z.object({ approval: z.string(), at: timestamp }).nullable(),
});

export type AskHistory = z.infer<typeof askHistory>;

/** What a member was handed to sign with: for one session, request and level. */
export const decisionNonce = z.object({
  /** SHA-256 of the nonce, hex. */
  nonce_hash: z.string(),
  member: z.string(),
  level,
  /** The times of the statement are the log's. */
  issued_at: timestamp,
  expires_at: timestamp,
  /** When it ends by the clock; absent from those of before, whose log was not ahead. */
  ends_at: timestamp.optional(),
  /** Until when what is approved with it can be used, at the latest. */
  use_before: timestamp,
});

export type DecisionNonce = z.infer<typeof decisionNonce>;

/** What is said when the same action is asked again. */
export interface AskedAgain extends JsonObject {
  at: string;
  reason: string;
  context: JsonObject | null;
  reference_id: string | null;
}

export const askRows = z.array(z.object({ at: z.string(), digest: z.string() }));

export const askedAgain: z.ZodType<AskedAgain> = z.object({
  at: z.string(),
  reason: z.string(),
  context: z.custom<JsonObject>(isJsonObject, "expected a JSON object").nullable(),
  reference_id: z.string().nullable(),
});

/** All that a receipt needs to know of an approval. */
export const decidedRecord = approvalFields.pick({ decisions: true, requester: true });

export const approvalFacts = z.preprocess(
  withMembersBehind,
  approvalFields.pick({
    id: true,
    reference: true,
    progress: true,
    levels: true,
    user_seat: true,
    levels_skipped: true,
    duties_separated: true,
    tool_name: true,
    tenant: true,
    resource: true,
    method: true,
    missing_facts: true,
    requester: true,
    members_behind: true,
    resolved_from: true,
    rule_id: true,
    definition_digest: true,
    acts_as: true,
    policy_version: true,
    created_at: true,
    expires_at: true,
    use_seconds: true,
    mandate: true,
    decisions: true,
  }),
);

/**
 * A row of the index of what waits: what its lists are filtered, sorted and grouped by, as the request
 * itself has it. Rows from before that was kept have the id alone.
 */
export const waitingRow = z.object({ id: z.string(), facts: approvalFacts.optional() });

export type WaitingFacts = z.infer<typeof approvalFacts>;
