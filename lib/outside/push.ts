import { buildPushPayload } from "@block65/webcrypto-web-push";
import type { Deps } from "../deps.ts";
import type { PushResponse } from "../push/push_fetch.ts";
import type { PushKey } from "../push/push_key.ts";
import type { MailSettings } from "../settings/mail_settings.ts";
import type { PushSubscriptionRecord } from "../store/records/push.ts";

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
