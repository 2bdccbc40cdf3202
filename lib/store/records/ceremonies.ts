import { z } from "zod";
import { isJsonObject, type JsonObject } from "../../json/json_value.ts";

/** Records of what a person has begun and not ended: challenges and e-mail codes. */

const timestamp = z.number().int().nonnegative();

const jsonObject = z.custom<JsonObject>(isJsonObject, "expected an object");

const bytes = z.custom<Uint8Array<ArrayBuffer>>(
  (value) => value instanceof Uint8Array,
  "expected bytes",
);

/** A challenge that was handed out. Its nonce is only in the browser and in what is signed. */
export const ceremonyRecord = z.object({
  purpose: z.enum(["sign-in", "step-up", "enrolment", "consent"]),
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
