import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../base/json.ts";

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

const jsonObject = z.custom<JsonObject>(isJsonObject, "expected an object");

/** A challenge that was handed out. Its nonce is only in the browser and in what is signed. */
export const ceremonyRecord = z.object({
  purpose: z.enum(["sign-in", "step-up", "enrolment", "consent", "device"]),
  /** Hash of the secret, of a browser or a session, that it was handed to. */
  bound: z.string(),
  /** Whose passkey is asked for; null where the passkey itself will say. */
  account: z.string().nullable(),
  /** What it was handed out for, as its purpose reads it. */
  data: jsonObject.nullable(),
  expires_at: timestamp,
});

export type CeremonyRecord = z.infer<typeof ceremonyRecord>;

export const CODE_PURPOSES = ["enrolment", "recovery"] as const;

export type CodePurpose = (typeof CODE_PURPOSES)[number];

/** A code that was mailed, found by the browser that asked for it. */
export const emailCodeRecord = z.object({
  /** In lower case. */
  email: z.string(),
  /** HMAC of the code; random where no code was made, so that every try fails alike. */
  mac: bytes,
  tries_left: z.number().int().nonnegative(),
  /** What it was asked for, as its purpose reads it. */
  data: jsonObject,
  expires_at: timestamp,
});

export type EmailCodeRecord = z.infer<typeof emailCodeRecord>;

/** How often codes were sent to an address, and how often a wrong one was tried. */
export const emailCodeLimit = z.object({
  /** Times within the last hour. */
  sent: z.array(timestamp),
  /** Times within the last day. */
  failed: z.array(timestamp),
});

export type EmailCodeLimit = z.infer<typeof emailCodeLimit>;

/** The one set-up link of the deployment: it makes its reader an owner. */
export const setUpLinkRecord = z.object({
  hash: z.string(),
  /** The org that gets its owner; null when the link makes one. */
  org: z.string().nullable(),
  /** The address that it is bound to, in lower case; null when its reader names one. */
  email: z.string().nullable(),
  expires_at: timestamp,
});

export type SetUpLinkRecord = z.infer<typeof setUpLinkRecord>;

/** Where an invitation link leads, by the hash of its secret. */
export const invitationPointer = z.object({ org: z.string(), email: z.string() });

/** The one open invitation of an address to an org. */
export const invitationRecord = z.object({
  id: z.string(),
  hash: z.string(),
  /** In lower case. */
  email: z.string(),
  /** The membership that it is about: void when that was removed. */
  member: z.string(),
  /** Whether it made that membership, which then goes when it is withdrawn. */
  made_member: z.boolean(),
  /** The member who invited. */
  invited_by: z.string(),
  created_at: timestamp,
  expires_at: timestamp,
});

export type InvitationRecord = z.infer<typeof invitationRecord>;

/** By what a person showed that the account is theirs. */
export const RECOVERED_BY = ["code", "operator"] as const;

/** A recovery whose new passkey is still to come. The newest of an account counts. */
export const recoveryRecord = z.object({
  id: z.string(),
  by: z.enum(RECOVERED_BY),
  /** Orgs in which the hold is not in force yet: no new passkey before the last of them. */
  waiting: z.array(z.string()),
  redeemed_at: timestamp,
  /** Of the request that began it. */
  request_id: z.string(),
});

export type RecoveryRecord = z.infer<typeof recoveryRecord>;

/** The link that the operator made for an account. */
export const recoveryLinkRecord = z.object({ hash: z.string(), expires_at: timestamp });

/** What a code or a ceremony was asked for by: the hash of a link, under the name of its kind. */
export const linkedData = z.object({
  set_up: z.string().optional(),
  invitation: z.string().optional(),
  email: z.string().optional(),
});

/** What a code for a set-up link opens: kept with the code, then with the ceremony. */
export const setUpData = z.object({
  /** Hash of the link. */
  set_up: z.string(),
  email: z.string(),
  /** Empty where the org is there already. */
  organization: z.string(),
});

/** What a code for an invitation opens: kept with the code, then with the ceremony. */
export const invitationData = z.object({
  /** Hash of the link. */
  invitation: z.string(),
});

/** What a ceremony of a recovery was handed out for. */
export const recoveryData = z.object({ recovery: z.string(), email: z.string() });

/** Something that became of a grant, on its way into the log of an org that it counts in. */
export const grantEvent = z.object({
  kind: z.literal("grant"),
  /** Of the entry. */
  id: z.string(),
  account: z.string(),
  grant: z.string(),
  type: z.string(),
  /** Who brought it about: the person, the client by what it holds, or this server. */
  by: z.enum(["person", "client", "system"]),
  data: jsonObject,
  private: jsonObject,
  /** Whether the grant ends by it. */
  ends: z.boolean(),
});

/** What waits for its place in another log. Sealed: it can hold addresses of people. */
export const waiting = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("entry"),
    id: z.string(),
    account: z.string(),
    type: z.string(),
    data: jsonObject,
    private: jsonObject,
  }),
  z.object({ kind: z.literal("passkey"), account: z.string(), credential_id: z.string() }),
  grantEvent,
]);

/**
 * Accounts in no org. Their person may sign in, make an org or be invited for a week; each sign-in
 * begins the week anew, and an invitation is waited for. Then the account goes as one that its person
 * deletes, and at once what the deployment's log knows of them. Orgs that ended the membership keep
 * who it was.
 */

/** What an invitation says that matters here. */
export const invited = z.object({ email: z.string(), expires_at: z.number() });
