/// <reference lib="dom" />

/**
 * The page of an application, on its own domain: it makes its user's passkey and has them sign what they
 * are asked, with nothing of ours but what the API tells. It runs in the browser as it stands here.
 */
export function appPage() {
  type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

  const base64url = (bytes: ArrayBuffer | Uint8Array) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes as ArrayBuffer)))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const bytesOf = (text: string) =>
    Uint8Array.from(
      atob(text.replaceAll("-", "+").replaceAll("_", "/")),
      (letter) => letter.charCodeAt(0),
    );

  /** RFC 8785, as far as what is asked here needs it. */
  const canonical = (value: Json): string => {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const members = Object.keys(value).sort()
      .map((name) => `${JSON.stringify(name)}:${canonical(value[name] as Json)}`);
    return `{${members.join(",")}}`;
  };
  const digest = async (value: Json) =>
    new Uint8Array(
      await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(value))),
    );
  const post = async (path: string, body: Json) => {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body) });
    return await answer.json();
  };
  const sign = async (statement: Json, credential: string, rpId: string) => {
    const made = await navigator.credentials.get({
      publicKey: {
        challenge: await digest(statement),
        rpId,
        userVerification: "required",
        allowCredentials: [{ type: "public-key", id: bytesOf(credential) }],
      },
    }) as PublicKeyCredential;
    const response = made.response as AuthenticatorAssertionResponse;
    return {
      id: made.id,
      rawId: made.id,
      type: made.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: base64url(response.clientDataJSON),
        authenticatorData: base64url(response.authenticatorData),
        signature: base64url(response.signature),
        ...(response.userHandle === null
          ? {}
          : { userHandle: base64url(response.userHandle as ArrayBuffer) }),
      },
    };
  };

  Object.assign(globalThis, {
    /** Makes a passkey of this site; the application's server registers it. */
    async enrol(rpId: string) {
      const made = await navigator.credentials.create({
        publicKey: {
          rp: { id: rpId, name: "The application" },
          user: { id: new TextEncoder().encode("u1"), name: "u1", displayName: "User 1" },
          challenge: crypto.getRandomValues(new Uint8Array(32)),
          pubKeyCredParams: [{ type: "public-key", alg: -7 }],
          authenticatorSelection: { residentKey: "required", userVerification: "required" },
        },
      }) as PublicKeyCredential;
      const response = made.response as AuthenticatorAttestationResponse;
      return await post("/register", {
        credential_id: made.id,
        attestation: base64url(response.attestationObject),
      });
    },

    /** Shows what is asked, and has the user sign exactly that. */
    async answer(nonce: string, rpId: string) {
      const { statement, view, passkeys } = await post("/question", { nonce });
      const shown = document.querySelector("#asked");
      if (shown !== null) shown.textContent = JSON.stringify(view.arguments);
      const [own] = passkeys.filter((one: { rp_id: string }) => one.rp_id === rpId);
      const view_digest = `sha256:${
        [...await digest(view)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
      }`;
      const signed = { ...statement, view_digest };
      const assertion = await sign(signed, own.credential_id, rpId);
      return await post("/answer", { nonce, statement: signed, assertion });
    },

    /** Has the user sign that a mandate ends. */
    async end(statement: Json, credential: string, rpId: string) {
      const assertion = await sign(statement, credential, rpId);
      return await post("/end", { statement, assertion });
    },
  });
}
