import { z } from "zod";

/** Records of end users: the passkeys that speak for them, and the questions that they are asked. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array<ArrayBuffer>>(
  (value) => value instanceof Uint8Array,
  "expected bytes",
);

/** Who may say yes for a user, from the widest to the strictest: their application, or their passkey. */
export const CONFIRM_BY = ["app", "passkey"] as const;

export type ConfirmBy = (typeof CONFIRM_BY)[number];

export const userPasskey = z.object({
  /** base64url. */
  credential_id: z.string(),
  /** COSE_Key. */
  public_key: bytes,
  rp_id: z.string(),
  /** Where it may be used. */
  origins: z.array(z.string()),
  counter: z.number().int().nonnegative(),
  /** By the log's time: it answers only what was asked later. */
  registered_at: timestamp,
  /** By the clock: it came while another was just replaced or removed, and answers nothing before. */
  usable_from: timestamp,
  /** The key that set it, or made the link; null for one of before that was kept. */
  registered_by: z.string().nullable().default(null),
  /** Whether the user made it on our page, by a link. */
  by_link: z.boolean().default(false),
  /** By the log's time; null for never. */
  last_used_at: timestamp.nullable().default(null),
});

export type UserPasskey = z.infer<typeof userPasskey>;

export const userPasskeys = z.object({
  passkeys: z.array(userPasskey),
  /** Until when nothing newer answers, for one in force was replaced or removed; 0 for never. */
  held_until: timestamp,
});

export type UserPasskeys = z.infer<typeof userPasskeys>;

/** What the hash of a nonce leads to. */
export const confirmationPointer = z.object({ org: z.string(), approval: z.string() });

/** A link by which a user makes a passkey, once. */
export const userEnrolment = z.object({
  org: z.string(),
  user_id: z.string(),
  /** The key that made it: with that it ends. */
  api_key: z.string(),
  created_at: timestamp,
  expires_at: timestamp,
});

export type UserEnrolment = z.infer<typeof userEnrolment>;

/** The end user's seat of a request: who may answer it, how, and what they said. */
export const userSeat = z.object({
  user_id: z.string(),
  confirm_by: z.enum(CONFIRM_BY),
  /** SHA-256 of its nonce, hex. */
  nonce_hash: z.string(),
  /** The token key that the nonce was made with. */
  kid: z.string(),
  /** Until when it can be answered; the seats behind it may have longer. */
  expires_at: timestamp,
  /** How many answers of passkeys were none. */
  refused: z.number().int().nonnegative(),
  answer: z.object({
    decision: z.enum(["approve", "deny"]),
    at: timestamp,
    /** The approver key that answered for the user; null where nobody did. */
    asserted_by: z.string().nullable(),
    /** The passkey that said yes, as leaves name it; null for another answer, or one of before. */
    credential: z.string().nullable().default(null),
  }).nullable(),
});

export type UserSeat = z.infer<typeof userSeat>;
