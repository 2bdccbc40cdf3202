import { decodeAttestationObject, parseAuthenticatorData } from "@simplewebauthn/server/helpers";
import assert from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../lib/base/bytes.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import type { Statement } from "../../lib/passkeys/statement.ts";
import type { Countersign, Got, TestOrg } from "./countersign.ts";
import { BUNDLE, checked, granted, shop } from "./mandates.ts";
import { type Algorithm, type Lies, SoftwareAuthenticator } from "./software_authenticator.ts";

/** Questions to users, and users who answer them on their application's own site. */

export const APP = { origin: "https://app.example.com", rp_id: "example.com" } as const;

/** A bundle whose one scope the user confirms. */
export const CONFIRMED = { ...BUNDLE, scopes: [{ tool: "refund", decision: "confirm" }] };

export const ASKING = { request: true, reason: "please" } as const;

/** A user with a passkey of the application's site. */
export class AppUser {
  readonly authenticator: SoftwareAuthenticator;

  constructor(
    readonly id = "u1",
    readonly site: { origin: string; rp_id: string } = APP,
    algorithm: Algorithm = "ES256",
  ) {
    this.authenticator = new SoftwareAuthenticator({ origin: site.origin, algorithm });
  }

  /** Makes a passkey at the application, as `PUT /v1/users/:id/passkeys` takes it. */
  async enrol(lies: Lies = {}) {
    const { origin, rp_id } = this.site;
    const made = await this.authenticator.enrol({
      rp: { id: rp_id, name: "App" },
      user: { id: toBase64Url(new TextEncoder().encode(this.id)), name: this.id, displayName: "" },
      challenge: "AAAA",
      pubKeyCredParams: [],
    }, lies);
    const bytes = fromBase64Url(made.response.attestationObject);
    assert.ok(bytes !== null);
    const data = parseAuthenticatorData(decodeAttestationObject(bytes).get("authData"));
    assert.ok(data.credentialPublicKey !== undefined);
    return {
      credential_id: made.id,
      public_key: toBase64Url(data.credentialPublicKey),
      rp_id,
      origins: [origin],
    };
  }

  /** Signs a statement by the newest passkey. */
  sign(statement: JsonObject, lies: Lies = {}) {
    return this.authenticator.assert({
      rpId: this.site.rp_id,
      challenge: challengeText(statement as unknown as Statement),
    }, lies);
  }
}

/** What a user signs to end a mandate. */
export function ending(
  { org, mandate }: { readonly org: TestOrg; readonly mandate: string },
  user = "u1",
): JsonObject {
  const { clock, services } = org.countersign;
  return {
    v: 1,
    type: "countersign.mandate-revocation",
    issuer: services.settings.url.origin,
    org: org.id,
    mandate,
    user,
    issued_at: new Date(clock.now).toISOString(),
  };
}

/** An org whose application asks its users. */
export class ConfirmingOrg {
  private constructor(
    readonly org: TestOrg,
    /** Says which passkeys speak for users. */
    readonly keeper: string,
    readonly mandate: string,
  ) {}

  static async make(countersign: Countersign, bundle: object = CONFIRMED): Promise<ConfirmingOrg> {
    const org = await shop(await countersign.org(), bundle);
    const keeper = await org.key("management", { user_passkeys: true });
    return new ConfirmingOrg(org, keeper, await granted(org));
  }

  passkeys(user: string, passkeys: readonly object[], key = this.keeper): Promise<Got> {
    return this.org.countersign.request("PUT", `/v1/users/${user}/passkeys`, {
      key,
      body: { passkeys },
    });
  }

  /** Asks; the answer of the check. */
  ask(fields: object = {}, mandate = this.mandate, key = this.org.standard) {
    return checked(this.org, mandate, { ...ASKING, ...fields }, key);
  }

  /** The statement as the application has it signed: with the digest of what it shows. */
  async statement(nonce: string): Promise<JsonObject> {
    const got = await this.post(`/v1/confirmations/${nonce}/statement`);
    assert.equal(got.status, 200, got.text);
    return { ...got.body.statement, view_digest: viewDigest(got.body.view) };
  }

  /** Answers with the nonce, and a key where one is given. */
  answer(nonce: string, body: object, key: string | null = null): Promise<Got> {
    return this.post(`/v1/confirmations/${nonce}`, body, key);
  }

  /** The user ends a mandate by their passkey, and nobody's key. */
  async end(user: AppUser, statement: JsonObject = ending(this), lies: Lies = {}): Promise<Got> {
    const assertion = await user.sign(statement, lies);
    return await this.post(`/v1/mandates/${statement.mandate}/revoke`, {
      by: "user",
      statement,
      assertion,
    });
  }

  /** A request by whoever has the nonce, with a key where one is given. */
  post(path: string, body?: object, key: string | null = null): Promise<Got> {
    const options = { body, ...(key === null ? {} : { key }) };
    return this.org.countersign.request("POST", path, options);
  }

  /** The user says yes by their passkey. */
  async approve(nonce: string, user: AppUser, lies: Lies = {}): Promise<Got> {
    const statement = await this.statement(nonce);
    const assertion = await user.sign(statement, lies);
    return await this.answer(nonce, { decision: "approve", statement, assertion });
  }
}
