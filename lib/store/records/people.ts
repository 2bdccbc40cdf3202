import { z } from "zod";

/** Records of people: accounts of the deployment and what they sign in with. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array<ArrayBuffer>>(
  (value) => value instanceof Uint8Array,
  "expected bytes",
);

/** One person of this deployment. A membership of an org is another record, in its policy. */
export const accountRecord = z.object({
  id: z.string(),
  /** In lower case. */
  email: z.string(),
  /**
   * The orgs that the person has accepted membership of, the last used first; the policy of each has
   * the last word.
   */
  orgs: z.array(z.string()),
  /** True from the first passkey on: an e-mail code alone opens nothing any more. */
  had_passkey: z.boolean(),
  /**
   * When it was last recovered: an org that its person joins later holds them as those that they were
   * members of then. Null when it never was, as far as the store knows.
   */
  recovered_at: timestamp.nullable().default(null),
  /** Since when it is in no org; null while it is in one. */
  orgless_since: timestamp.nullable().default(null),
  /** When it made organizations of its own, those of the last day. */
  orgs_made: z.array(timestamp).default([]),
  created_at: timestamp,
});

export type AccountRecord = z.infer<typeof accountRecord>;

/** Which account an address or another record belongs to. */
export const accountPointer = z.object({ account: z.string() });

export const passkeyRecord = z.object({
  /** base64url, as the authenticator names it. */
  credential_id: z.string(),
  account: z.string(),
  /** COSE key (RFC 9052 section 7). */
  public_key: bytes,
  /** Signature counter; 0 for authenticators without one. */
  counter: z.number().int().nonnegative(),
  transports: z.array(z.string()),
  /** Whether it is synced between devices. */
  backed_up: z.boolean(),
  device_type: z.enum(["singleDevice", "multiDevice"]),
  name: z.string(),
  /** The RP id that it was made for: useless under another. */
  rp_id: z.string(),
  created_at: timestamp,
  last_used_at: timestamp.nullable(),
});

export type PasskeyRecord = z.infer<typeof passkeyRecord>;

export const sessionRecord = z.object({
  id: z.string(),
  account: z.string(),
  /** The org that the person is looking at; null while they have none. */
  org: z.string().nullable(),
  created_at: timestamp,
  /** When it was last used, to about five minutes; it ends 12 hours later. */
  seen_at: timestamp,
  /** When it ends however much it is used. */
  expires_at: timestamp,
  /** Until when the last passkey assertion counts as fresh. */
  fresh_until: timestamp,
  /** The passkey that it began with or was last confirmed by; it ends with that passkey. */
  credential_id: z.string(),
  user_agent: z.string().nullable(),
});

export type SessionRecord = z.infer<typeof sessionRecord>;

/** The hash of a session, found by its id. */
export const sessionPointer = z.object({ hash: z.string() });

/** One of the codes that stand in for lost passkeys, by the hash of its text. */
export const recoveryCodeRecord = z.object({ set: z.string() });

/** The newest codes of an account; those of earlier sets are void. */
export const recoverySetRecord = z.object({ set: z.string(), created_at: timestamp });

/** A passkey that the log of an org names for its member. */
export const knownPasskey = z.object({
  /** The member that the entry names: a person who left and came again is another one. */
  member: z.string(),
  public_key: bytes,
  created_at: timestamp,
});

export type KnownPasskey = z.infer<typeof knownPasskey>;
