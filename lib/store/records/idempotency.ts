import { z } from "zod";
import type { JsonValue } from "../../json/json_value.ts";

/** An answer kept for a repeated request, sealed under a key of the credential that got it. */
export const idempotencyRecord = z.object({
  /** HMAC-SHA256 of the request's body under a key of the credential, hex. */
  body_digest: z.string(),
  /** Null while the first request is still running. */
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array).nullable(),
  expires_at: z.number().int(),
});

export type IdempotencyRecord = z.infer<typeof idempotencyRecord>;

/** What is inside: an answer, and what it depends on. */
export const keptAnswer = z.object({
  status: z.number().int(),
  // Not parsed further: a schema of its members would lose one that is called `__proto__`.
  body: z.custom<JsonValue>((value) => value !== undefined),
  /** The policy version under which it granted something; null when it granted nothing. */
  granted_under: z.number().int().nullable(),
  /** The run token it handed out, replayed only while unspent. */
  token_id: z.string().nullable(),
});

export type KeptAnswer = z.infer<typeof keptAnswer>;
