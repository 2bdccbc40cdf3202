import { buildPushPayload } from "@block65/webcrypto-web-push";
import type { Deps, PushFetch, PushResponse, StrangerFetch } from "../deps.ts";
import type { PushSubscriptionRecord } from "../store/records/alert.ts";
import { hostProblem } from "./addresses.ts";
import { StrangerFetchFailed } from "./http_answer.ts";
import type { MailSettings } from "./mailer.ts";

/**
 * Web push: encrypted for the browser, signed by our key, posted to a push service as to any host
 * that a stranger names.
 */

/** The key that signs our requests to push services (VAPID, RFC 8292), base64url. */
export interface PushKey {
  readonly public_key: string;
  readonly private_key: string;
}

/** What the service worker shows; it opens `url` when it is clicked. */
export interface PushPayload {
  readonly title: string;
  readonly body: string;
  /** Absolute, of our own origin. */
  readonly url: string;
  /** A later one with the same tag takes the place of the one before. */
  readonly tag: string;
}

/**
 * Sends one push: the payload encrypted for the browser (RFC 8291), signed by our key (RFC 8292).
 * @param ttl seconds that the push service keeps it for a browser that is off
 * @throws {EndpointRefused}, and what the network throws
 */
export async function sendPush(
  deps: Pick<Deps, "push">,
  { key, subscription, payload, ttl, subject }: {
    readonly key: PushKey;
    readonly subscription: PushSubscriptionRecord;
    readonly payload: PushPayload;
    readonly ttl: number;
    readonly subject: string;
  },
): Promise<PushResponse> {
  const { endpoint, p256dh, auth } = subscription;
  const built = await buildPushPayload(
    {
      data: { ...payload },
      // A tag of ours is a topic as RFC 8030 section 5.4 wants it: at most 32 of these characters.
      options: { ttl, urgency: "high", topic: payload.tag },
    },
    { endpoint, expirationTime: null, keys: { p256dh, auth } },
    { subject, publicKey: key.public_key, privateKey: key.private_key },
  );
  const { "content-length": _counted_by_fetch, ...headers } = built.headers;
  return await deps.push({ endpoint, headers, body: built.body });
}

/** Whom a push service may write to about our pushes (RFC 8292 section 2.1). */
export function vapidSubject(
  { url, mail }: { readonly url: URL; readonly mail: MailSettings | null },
): string {
  if (mail !== null) return `mailto:${mail.from.address}`;
  return url.protocol === "https:" ? url.origin : "mailto:operator@localhost";
}

/** An endpoint is not one that a push service can have. */
export class EndpointRefused extends Error {
  readonly code = "endpoint_refused";
}

/** How long one push may take, milliseconds. */
const LIMIT_MS = 10_000;

/** Posts to push services, as any host that a stranger names is asked. */
export function guardedPush(fetch: StrangerFetch): PushFetch {
  return async ({ endpoint, headers, body }) => {
    const problem = endpointProblem(endpoint);
    if (problem !== null) throw new EndpointRefused(`The push endpoint ${problem}.`);
    try {
      const answer = await fetch({
        url: endpoint,
        method: "POST",
        headers,
        body,
        limit_ms: LIMIT_MS,
        max_body: 0,
        bodyWanted: () => false,
      });
      return { status: answer.status, retry_after_seconds: retryAfter(answer.headers) };
    } catch (error) {
      if (
        error instanceof StrangerFetchFailed &&
        (error.code === "address_refused" || error.code === "redirected")
      ) throw new EndpointRefused(error.message, { cause: error });
      throw error;
    }
  };
}

/** RFC 9110 section 10.2.3; a date instead of seconds counts as none. */
function retryAfter(headers: Headers): number | null {
  const text = headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(text) ? Number(text) : null;
}

const MAX_ENDPOINT = 2000;

/**
 * Why a browser's push endpoint is not one to send to, or null. A member hands it over, so it may
 * be any text: only what the push services of browsers look like is taken.
 */
export function endpointProblem(endpoint: string): string | null {
  if (endpoint.length > MAX_ENDPOINT) return `is longer than ${MAX_ENDPOINT} characters`;
  return hostProblem(endpoint)?.says ?? null;
}
