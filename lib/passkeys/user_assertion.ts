import { fromBase64Url } from "../base/bytes.ts";
import type { JsonObject } from "../base/json.ts";
import { parseStrictJson } from "../base/strict_json.ts";
import { decodeUtf8 } from "../base/text.ts";
import type { UserPasskey } from "../store/records/user.ts";
import type { AssertionFault } from "./fault.ts";
import type { AssertionResponse } from "./responses.ts";
import { verifyAssertion } from "./verify.ts";

/** What a user signs by a passkey of their own, on the site of whichever application it is of. */

/** A passkey of the user that signed, and how often it has by now; or why it did not. */
export type UserSigned =
  | { readonly ok: true; readonly passkey: UserPasskey; readonly counter: number }
  | { readonly ok: false; readonly why: AssertionFault };

/**
 * Whether one of a user's passkeys signed a challenge on one of its own sites, its person verified.
 * @param challenge base64url, of the statement as the server makes it
 */
export async function checkUserAssertion(
  passkeys: readonly UserPasskey[],
  response: AssertionResponse,
  challenge: string,
): Promise<UserSigned> {
  const passkey = passkeys.find(({ credential_id }) => credential_id === response.id);
  if (passkey === undefined) return { ok: false, why: "unknown_passkey" };
  const origin = passkey.origins.find((one) => one === originIn(response)) ??
    passkey.origins[0] ?? "";
  // Whom the user handle names is the site's own affair, and is not signed.
  const { userHandle: _handle, ...signed } = response.response;
  const verdict = await verifyAssertion({
    response: { ...response, response: signed },
    challenge,
    origin,
    rpId: passkey.rp_id,
    passkey: { ...passkey, account: "" },
  });
  return verdict.ok ? { ok: true, passkey, counter: verdict.counter } : verdict;
}

/** The site that an answer says it was made on; null where it says nothing that can be read. */
function originIn({ response }: AssertionResponse): string | null {
  const bytes = fromBase64Url(response.clientDataJSON);
  const text = bytes === null ? null : decodeUtf8(bytes);
  const json = text?.ok ? parseStrictJson(text.text) : null;
  if (!json?.ok || typeof json.value !== "object" || json.value === null) return null;
  const { origin } = json.value as JsonObject;
  return typeof origin === "string" ? origin : null;
}
