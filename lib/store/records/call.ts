import { z } from "zod";
import { findingRecord } from "./guards.ts";
import { jsonObject, permission } from "./policy.ts";
import { party } from "./identity.ts";
import { RESOLVED_FROM } from "./vocabulary.ts";

/** Records of calls that run through here. Arguments and results are in none of them. */

const timestamp = z.number().int().nonnegative();

/** A refusal as it is told again: its code, and the data that its answer is made of. */
const toldRefusal = z.object({ code: z.string(), data: jsonObject });

export type ToldRefusal = z.infer<typeof toldRefusal>;

const keptResult = z.object({ pieces: z.number().int().positive(), expires_at: timestamp });

const redaction = z.object({ kind: z.string(), count: z.number().int().positive() });

const withheld = z.object({ guard: z.string(), kind: z.string() });

/** What a call's record says of its kept result. */
export type KeptResult = z.infer<typeof keptResult>;

/** A piece of it. */
export const resultPiece = z.object({
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes"),
  expires_at: timestamp,
});

const called = {
  id: z.string(),
  /** In the catalog. */
  tool: z.string(),
  upstream: z.string(),
  action_digest: z.string(),
  /** The mandate that was named; null for none. */
  mandate_id: z.string().nullable(),
  requester: party,
  /** SHA-256 of the key that it was made under; null without one. */
  key_hash: z.string().nullable(),
  /** The credential of the vault that it carries; absent for none. */
  credential_id: z.string().exactOptional(),
  decision_id: z.string(),
  permission,
  resolved_from: z.enum(RESOLVED_FROM),
  /** What guards found, in the arguments and in what was answered; absent for nothing. */
  findings: z.array(findingRecord).exactOptional(),
  created_at: timestamp,
  expires_at: timestamp,
};

const ran = {
  ...called,
  approval_id: z.string().nullable(),
  token_id: z.string(),
  started_at: timestamp,
};

/** A call, each status with what is true in it and nothing else. */
export const callRecord = z.discriminatedUnion("status", [
  /** Waits for people. */
  z.object({ ...called, status: z.literal("pending"), approval_id: z.string() }),
  z.object({ ...ran, status: z.literal("running") }),
  z.object({
    ...ran,
    status: z.literal("completed"),
    execution_id: z.string(),
    duration_ms: z.number().int().nonnegative(),
    /** What was told in place of a result; null where there was one. */
    refusal: toldRefusal.nullable(),
    /** Null where none is kept. */
    result: keptResult.nullable(),
    /** What was replaced in it, by kind; absent for nothing. */
    redactions: z.array(redaction).exactOptional(),
    /** The guard because of which nobody gets the result; absent where whoever asked does. */
    withheld: withheld.exactOptional(),
  }),
  /** Nobody knows whether it ran. */
  z.object({
    ...ran,
    status: z.literal("unknown"),
    execution_id: z.string(),
    refusal: toldRefusal,
  }),
  /** It was not sent: the permission was given back, and its key is free. */
  z.object({ ...ran, status: z.literal("returned"), refusal: toldRefusal }),
  z.object({ ...called, status: z.literal("refused"), refusal: toldRefusal }),
]);

export type CallRecord = z.infer<typeof callRecord>;

export type RunningCall = Extract<CallRecord, { status: "running" }>;

/** Which call a key, or an action that waits, is of. */
export const callPointer = z.object({ id: z.string(), expires_at: timestamp });
