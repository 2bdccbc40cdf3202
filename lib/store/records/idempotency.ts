import { z } from "zod";

/** An answer kept for a repeated request, sealed under a key of the credential that got it. */
export const idempotencyRecord = z.object({
  /** SHA-256 of the request's body, hex. */
  body_digest: z.string(),
  /** Null while the first request is still running. */
  sealed: z.custom<Uint8Array>((value) => value instanceof Uint8Array).nullable(),
  expires_at: z.number().int(),
});
export type IdempotencyRecord = z.infer<typeof idempotencyRecord>;

/** What is inside: an answer, and what it depends on. */
export const keptAnswer = z.object({
  status: z.number().int(),
  body: z.json(),
  /** The policy version under which it granted something; null when it granted nothing. */
  granted_under: z.number().int().nullable(),
  /** The run token it handed out, replayed only while unspent. */
  token_id: z.string().nullable(),
});
export type KeptAnswer = z.infer<typeof keptAnswer>;
