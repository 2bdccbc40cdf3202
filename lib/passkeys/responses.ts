import { z } from "zod";
import { fromBase64Url } from "../base/bytes.ts";
import { parseStrictJson } from "../json/parse_strict.ts";

/**
 * The answers of passkeys as browsers send them. Members not named here are dropped: browsers add
 * some with time, and nothing here depends on them.
 */

/** Most bytes of a credential id (WebAuthn Level 2, section 4). */
const CREDENTIAL_ID_BYTES = 1023;

/** Of each other part. Assertions must fit a private part of the log; real ones are a fifth. */
const PART_BYTES = 1024;

/** An attestation object carries a key; with an RSA key it is about 600 bytes. */
const ATTESTATION_BYTES = 4096;

/** Most bytes of a user handle (WebAuthn Level 2, section 5.4.3). */
const USER_HANDLE_BYTES = 64;

function base64Url(minimum: number, maximum: number) {
  return z.string().max(Math.ceil(maximum * 4 / 3)).refine((text) => {
    const bytes = fromBase64Url(text);
    return bytes !== null && bytes.length >= minimum && bytes.length <= maximum;
  }, `expected ${minimum} to ${maximum} bytes in base64url`);
}

const credentialId = base64Url(1, CREDENTIAL_ID_BYTES);

/** Values that are not known count as absent, as WebAuthn Level 2 section 5.1 wants it. */
const authenticatorAttachment = z.string().max(64).nullish().transform((text) =>
  text === "platform" || text === "cross-platform" ? text : null
);

const common = {
  id: credentialId,
  rawId: credentialId,
  type: z.literal("public-key"),
  authenticatorAttachment,
};

/** What `navigator.credentials.get` gives, as JSON. */
export const assertionResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64Url(1, PART_BYTES),
    authenticatorData: base64Url(37, PART_BYTES),
    signature: base64Url(1, PART_BYTES),
    userHandle: base64Url(0, USER_HANDLE_BYTES).nullish(),
  }),
}).refine(({ id, rawId }) => id === rawId, "id and rawId differ");

export type AssertionResponse = z.infer<typeof assertionResponse>;

/** What `navigator.credentials.create` gives, as JSON. */
export const registrationResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64Url(1, PART_BYTES),
    attestationObject: base64Url(1, ATTESTATION_BYTES),
    transports: z.array(z.string().regex(/^[a-z0-9-]{1,32}$/)).max(8).default([]),
  }),
  clientExtensionResults: z.object({
    credProps: z.object({ rk: z.boolean().optional() }).optional(),
  }).default({}),
}).refine(({ id, rawId }) => id === rawId, "id and rawId differ");

export type RegistrationResponse = z.infer<typeof registrationResponse>;

/** An assertion out of a form field; null when the text is none. */
export function parseAssertionResponse(text: string): AssertionResponse | null {
  return parsed(text, assertionResponse);
}

/** A new passkey out of a form field; null when the text is none. */
export function parseRegistrationResponse(text: string): RegistrationResponse | null {
  return parsed(text, registrationResponse);
}

function parsed<Value>(text: string, schema: z.ZodType<Value>): Value | null {
  const json = parseStrictJson(text);
  return json.ok ? schema.safeParse(json.value).data ?? null : null;
}
