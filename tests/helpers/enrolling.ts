import assert from "node:assert/strict";
import { fromBase64Url } from "../../lib/base/bytes.ts";
import { finishEnrolment } from "../../lib/confirming/enrolment.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { parseRegistrationResponse } from "../../lib/passkeys/responses.ts";
import { ceremonyStatement } from "../../lib/passkeys/statement.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { ConfirmingOrg } from "./confirming.ts";
import { SoftwareAuthenticator } from "./software_authenticator.ts";

/** Links by which users make passkeys on our page, followed without a browser. */

/** The secret of a new link for a user. */
export async function linkOf(it: ConfirmingOrg, key = it.keeper): Promise<string> {
  const made = await it.post("/v1/users/u1/enrolment", {}, key);
  assert.equal(made.status, 201, made.text);
  const secret = new URL(made.body.url).pathname.split("/").at(-1) ?? "";
  assert.equal(fromBase64Url(secret)?.length, 32);
  return secret;
}

/** Makes a passkey by a link; the code of what refused it. */
export async function finish(
  it: ConfirmingOrg,
  secret: string,
  signed = secret,
): Promise<string | null> {
  const { services } = it.org.countersign;
  const { url } = services.settings;
  const made = await new SoftwareAuthenticator({ origin: url.origin }).enrol({
    rp: { id: url.hostname, name: "Countersign" },
    user: { id: "dTE", name: "u1", displayName: "" },
    challenge: challengeText(ceremonyStatement("enrolment", url.origin, signed)),
    pubKeyCredParams: [],
  });
  try {
    const sent = parseRegistrationResponse(JSON.stringify(made));
    assert.ok(sent !== null);
    await finishEnrolment(services, secret, sent, "req");
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
