import { startAuthentication, WebAuthnError } from "@simplewebauthn/browser";
import { type CeremonyPurpose, ceremonyStatement } from "../lib/passkeys/statement.ts";
import { challengeText } from "./challenge.ts";
import { type Posted, postJson } from "./post_json.ts";

type RequestOptions = Parameters<typeof startAuthentication>[0]["optionsJSON"];

interface Begun {
  readonly nonce: string;
  readonly options: RequestOptions;
}

/**
 * Has the person show a passkey for one purpose, and the server look at it. The challenge is computed
 * here from the purpose, so that nothing else can be signed in its name.
 *
 * @param path answers a POST with a nonce, and one to `<path>/finish` with the result
 */
export async function showPasskey<T>(
  purpose: Exclude<CeremonyPurpose, "enrolment">,
  path: string,
  more: Record<string, unknown> = {},
): Promise<Posted<T>> {
  const begun = await postJson<Begun>(path, more);
  if (!begun.ok) return begun;
  const { nonce, options } = begun.data;
  const challenge = await challengeText(ceremonyStatement(purpose, location.origin, nonce));
  try {
    const response = await startAuthentication({ optionsJSON: { ...options, challenge } });
    return await postJson<T>(`${path}/finish`, { ...more, nonce, response });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}

/** What the browser's refusal of a ceremony means, and what to do. */
export function ceremonyMessage(error: unknown): string {
  const name = error instanceof WebAuthnError && error.cause instanceof Error
    ? error.cause.name
    : error instanceof Error
    ? error.name
    : "";
  switch (name) {
    case "NotAllowedError":
      return "The passkey was not shown: the prompt was closed, or took too long. Try again.";
    case "InvalidStateError":
      return "This device already has a passkey for your account. Use that one.";
    case "NotSupportedError":
      return "This browser cannot use passkeys. Open the page in a current browser.";
    case "SecurityError":
      return "Passkeys do not work at this address. Open the address that the server names.";
    default:
      return "The passkey could not be used. Try again, or use another device.";
  }
}
