import { objectOf } from "./answers.ts";
import { NotGenuine } from "./errors.ts";
import { fromBase64, joined } from "./proof.ts";

/** An event as it is sent to a webhook. */
export interface WebhookEvent {
  /** The same on every try: what tells doubles by. */
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const TOLERANCE_SECONDS = 300;

/**
 * The event of a webhook's request, once it is shown to be ours (Standard Webhooks): signed by this
 * secret, over these very bytes, within five minutes of now.
 * @param secret `whsec_…` @param body the bytes as they came, before any parsing
 * @throws {NotGenuine} @throws {TypeError} for what is no secret, which anybody could sign by
 */
export async function verifiedEvent(
  secret: string,
  headers: Headers | Readonly<Record<string, string | undefined>>,
  body: string | Uint8Array,
  now: number = Date.now(),
): Promise<WebhookEvent> {
  const held = secretOf(secret);
  // Some hosts hand headers on as they were written.
  const rows = headers instanceof Headers ? headers.entries() : Object.entries(headers);
  const named = new Map(Array.from(rows, ([name, value]) => [name.toLowerCase(), value]));
  const header = (name: string) => named.get(name) ?? "";
  const id = header("webhook-id");
  const timestamp = header("webhook-timestamp");
  if (id === "" || !/^[0-9]{1,12}$/.test(timestamp)) {
    throw new NotGenuine("The request has no webhook-id or webhook-timestamp");
  }
  if (Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new NotGenuine("The request is more than five minutes old, or ahead");
  }
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const key = await crypto.subtle.importKey(
    "raw",
    held,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  for (const signature of header("webhook-signature").split(" ")) {
    const [version, value] = signature.split(",", 2);
    if (version !== "v1" || value === undefined || !/^[A-Za-z0-9+/]{43}=$/.test(value)) continue;
    // Compares in constant time.
    if (await crypto.subtle.verify("HMAC", key, fromBase64(value), signed)) {
      return eventOf(id, bytes);
    }
  }
  throw new NotGenuine("The request is not signed by this secret");
}

/** The least that Standard Webhooks lets a secret have. */
const LEAST_SECRET_BYTES = 24;

function secretOf(secret: string): Uint8Array<ArrayBuffer> {
  const held = typeof secret === "string" ? fromBase64(secret.replace(/^whsec_/, "")) : null;
  if (held !== null && held.length >= LEAST_SECRET_BYTES) return held;
  throw new TypeError("The secret of the webhook is missing or cut: whsec_… as it was shown");
}

function eventOf(id: string, bytes: Uint8Array): WebhookEvent {
  const event = objectOf(JSON.parse(new TextDecoder().decode(bytes)));
  const data = objectOf(event?.["data"]);
  const { type, timestamp } = event ?? {};
  if (data === null || typeof type !== "string" || typeof timestamp !== "string") {
    throw new NotGenuine("The event lacks type, timestamp or data");
  }
  return { id, type, timestamp, data };
}
