import { z } from "zod";

/** Records of browser push. */

const timestamp = z.number().int().nonnegative();

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

/** The key by which push services know this deployment (RFC 8292); the private part sealed. */
export const pushKeyRecord = z.object({
  /** The uncompressed point, base64url: what a browser subscribes with. */
  public_key: z.string(),
  /** The private scalar, 32 bytes. */
  sealed: bytes,
  created_at: timestamp,
});

export type PushKeyRecord = z.infer<typeof pushKeyRecord>;

/** One browser of a person that takes pushes. */
export const pushSubscriptionRecord = z.object({
  /** Made of the endpoint: a browser that subscribes again is the same one. */
  id: z.string(),
  account: z.string(),
  endpoint: z.string(),
  /** The browser's key and secret (RFC 8291), base64url. */
  p256dh: z.string(),
  auth: z.string(),
  user_agent: z.string().nullable(),
  created_at: timestamp,
});

export type PushSubscriptionRecord = z.infer<typeof pushSubscriptionRecord>;

/** Whose a browser is: the person who subscribed it last. */
export const pushEndpointRecord = z.object({ account: z.string() });
