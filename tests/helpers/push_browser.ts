import { Buffer } from "node:buffer";
import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  type ECDH,
  hkdfSync,
  randomBytes,
  verify,
} from "node:crypto";
import type { PushSubscriptionFields } from "../../lib/alerts/subscriptions.ts";
import type { PushRequest } from "../../lib/deps.ts";

/** A browser's side of Web Push: it makes a subscription and reads what comes for it. */
export class PushBrowser {
  readonly #pair: ECDH = createECDH("prime256v1");
  readonly #auth = randomBytes(16);
  readonly #point = this.#pair.generateKeys();

  constructor(readonly endpoint = `https://push.example.com/${randomBytes(8).toString("hex")}`) {}

  get subscription(): PushSubscriptionFields {
    return {
      endpoint: this.endpoint,
      keys: {
        p256dh: this.#point.toString("base64url"),
        auth: this.#auth.toString("base64url"),
      },
    };
  }

  /** What a request holds for this browser (RFC 8291 section 3, RFC 8188 section 2). */
  read(request: PushRequest): Record<string, string> {
    const body = Buffer.from(request.body);
    const salt = body.subarray(0, 16);
    const idLength = body[20] ?? 0;
    const sender = body.subarray(21, 21 + idLength);
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), this.#point, sender]);
    const secret = this.#pair.computeSecret(sender);
    const ikm = Buffer.from(hkdfSync("sha256", secret, this.#auth, info, 32));
    const derived = (name: string, length: number) =>
      Buffer.from(hkdfSync("sha256", ikm, salt, `Content-Encoding: ${name}\0`, length));
    const decipher = createDecipheriv(
      "aes-128-gcm",
      derived("aes128gcm", 16),
      derived("nonce", 12),
    );
    decipher.setAuthTag(body.subarray(-16));
    const plain = decipher.update(body.subarray(21 + idLength, -16));
    decipher.final();
    return JSON.parse(plain.subarray(0, plain.lastIndexOf(2)).toString());
  }
}

/** The claims of a request's signature (RFC 8292 section 2), once it fits the key that it names. */
export function vapidClaims(
  request: PushRequest,
): { claims: Record<string, unknown>; key: string } {
  const [, token = "", key = ""] =
    /^vapid t=([^,]+), k=(.+)$/.exec(request.headers.authorization ?? "") ?? [];
  const [head = "", claims = "", signature = ""] = token.split(".");
  const point = Buffer.from(key, "base64url");
  const jwk = {
    kty: "EC",
    crv: "P-256",
    x: point.toString("base64url", 1, 33),
    y: point.toString("base64url", 33),
  };
  const fits = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  if (!fits) throw new Error("The signature does not fit the key.");
  return { claims: JSON.parse(Buffer.from(claims, "base64url").toString()), key };
}
