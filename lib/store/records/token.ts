import { z } from "zod";
import { reservedAmount } from "./budget.ts";
import { party } from "./identity.ts";

/** Records of run tokens and of the keys that sign them. None holds the text of a token. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** What is known of the call that a token was consumed for: its action was compared, or not. */
export const binding = z.enum(["checked", "unchecked"]);

export type Binding = z.infer<typeof binding>;

const minted = {
  id: z.string(),
  tool: z.string(),
  tenant: z.string().nullable(),
  resource: z.string().nullable(),
  method: z.string().nullable(),
  action_digest: z.string(),
  decision_id: z.string(),
  /** The approval that was turned into this token; null when none was needed. */
  approval_id: z.string().nullable(),
  policy_version: z.number().int().nonnegative(),
  /** Of the tool as it was when this was minted; null in records from before it was kept. */
  definition_digest: z.string().nullable().default(null),
  /** The mandate that it was minted under; null for none. */
  mandate_id: z.string().nullable().default(null),
  /** What is held for it of budgets, while it is unspent; then what counts as spent. */
  reserved: z.array(reservedAmount).default([]),
  /** Whether `reserved` is held; false where a check before it counted that as spent already. */
  holds: z.boolean().default(true),
  /** Which key signed it; empty for one that has no text, because it was consumed when it was made. */
  key_id: z.string(),
  minter: party,
  minted_at: timestamp,
  expires_at: timestamp,
  /** The time of the log until which `reserved` is held, where the log was ahead; null elsewhere. */
  held_until: timestamp.nullable().default(null),
};

const consumed = {
  ...minted,
  consumed_at: timestamp,
  consumed_by: party,
  consumed_by_request: z.string(),
  /** Whether whoever consumed it named the action, and it was this one. */
  binding,
  /** Until when an execution has to be reported. */
  report_due_at: timestamp,
  /** The call through here that it is of; null for none, and in records from before it was kept. */
  call_id: z.string().nullable().default(null),
};

/**
 * A run token, each status with what is true in it and nothing else. Time passing shows in no
 * record: `lib/tokens/state.ts` says what a status means at a moment.
 */
export const runTokenRecord = z.discriminatedUnion("status", [
  z.object({ ...minted, status: z.literal("minted") }),
  z.object({
    ...minted,
    status: z.literal("revoked"),
    revoked_at: timestamp,
    revoked_because: z.string(),
  }),
  z.object({ ...consumed, status: z.literal("consumed") }),
  /** Of a call that was not sent: nothing ran under it, and nothing will. */
  z.object({ ...consumed, status: z.literal("returned"), returned_at: timestamp }),
  z.object({ ...consumed, status: z.literal("reported"), execution_id: z.string() }),
  z.object({ ...consumed, status: z.literal("unknown"), execution_id: z.string() }),
  z.object({
    ...consumed,
    status: z.literal("reported_late"),
    execution_id: z.string(),
    late_execution_id: z.string(),
  }),
]);

export type RunTokenRecord = z.infer<typeof runTokenRecord>;

export type RunTokenStatus = RunTokenRecord["status"];

/** The arguments of a minted action, sealed; may be dropped at `expires_at`. */
export const runTokenArguments = z.object({ sealed: bytes, expires_at: timestamp });

/** The secret under which an org's tokens of one period are signed, sealed. */
export const tokenKeyRecord = z.object({ sealed: bytes, expires_at: timestamp });

export type TokenKeyRecord = z.infer<typeof tokenKeyRecord>;

/** When a caller's unreadable token was last logged. */
export const unreadableToken = z.object({ at: timestamp });

export const EXECUTION_RESULTS = ["success", "failed", "error", "unknown"] as const;

export const executionResult = z.enum(EXECUTION_RESULTS);

export type ExecutionResult = z.infer<typeof executionResult>;

/** What was reported about one run, or that nothing was. The error's text is in the log alone. */
export const executionRecord = z.object({
  id: z.string(),
  /** Null when it was reported without a token: nothing attests that it was authorized. */
  token_id: z.string().nullable(),
  binding: binding.nullable(),
  tool: z.string(),
  tenant: z.string().nullable(),
  resource: z.string().nullable(),
  method: z.string().nullable(),
  action_digest: z.string(),
  result: executionResult,
  duration_ms: z.number().int().nonnegative().nullable(),
  cost_micros: z.number().int().nonnegative().nullable(),
  output_digest: z.string().nullable(),
  /** Whether it came after the run had counted as unknown. */
  late: z.boolean(),
  /** Null when nobody reported and the deadline passed, or it is a call that ran through here. */
  reported_by: party.nullable(),
  logged_at: z.number().int().nonnegative(),
  /** Index of its entry in the log. */
  entry_index: z.number().int().nonnegative(),
});

export type ExecutionRecord = z.infer<typeof executionRecord>;
