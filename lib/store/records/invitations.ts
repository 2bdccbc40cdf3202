import { z } from "zod";

/** Records of the links by which a person comes in for the first time. Secrets are held as SHA-256. */

const timestamp = z.number().int().nonnegative();

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
