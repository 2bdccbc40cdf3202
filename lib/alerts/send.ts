import { openText } from "../approvals/frozen_view.ts";
import { sendPush, vapidSubject } from "../outside/push.ts";
import { EndpointRefused } from "../push/push_fetch.ts";
import { pushKey } from "../push/push_key.ts";
import { scrubText } from "../scrub/scrub.ts";
import type { Services } from "../services.ts";
import type { AlertKind } from "../store/records/alert.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { PushSubscriptionRecord } from "../store/records/push.ts";
import { type AlertText, alertText } from "./alert_text.ts";
import type { DeliveryOutcome } from "./delivery_state.ts";

/** Where one delivery goes. */
export type Destination =
  | { readonly channel: "mail"; readonly address: string }
  | { readonly channel: "push"; readonly subscription: PushSubscriptionRecord };

/** How long a push service keeps word of a decision, seconds. */
const DECIDED_TTL = 24 * 60 * 60;

/** Answers after which the same push would fail again (RFC 8030 section 8, RFC 8292 section 4.2). */
const REFUSED = new Set([400, 401, 403, 413]);

const MAX_ERROR = 200;

type Sending = Pick<Services, "deps" | "ledgers" | "settings">;

/** Sends one alert once. Never throws: what went wrong is the outcome. */
export function sendAlert(
  services: Sending,
  alert: { readonly org: string; readonly kind: AlertKind; readonly record: ApprovalRecord },
  to: Destination,
): Promise<DeliveryOutcome> {
  return sendText(services, to, () => ({
    text: textOf(services, alert),
    ttl: secondsOfUse(alert, services.deps.now()),
  }));
}

/**
 * Sends once what `write` writes, over the channel of the destination. Never throws: what went wrong,
 * in writing too, is the outcome.
 */
export async function sendText(
  services: Sending,
  to: Destination,
  write: () => {
    readonly text: AlertText;
    /** How long a push service keeps it for a browser that is off, seconds. */
    readonly ttl: number;
  },
): Promise<DeliveryOutcome> {
  try {
    const { text, ttl } = write();
    if (to.channel === "mail") {
      await services.deps.mail.send({ to: to.address, ...text.mail });
      return { type: "sent" };
    }
    const answer = await sendPush(services.deps, {
      key: await pushKey(services),
      subscription: to.subscription,
      payload: text.push,
      ttl,
      subject: vapidSubject(services.settings),
    });
    return pushOutcome(answer);
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error), {
      for_good: error instanceof EndpointRefused,
    });
  }
}

function textOf(
  { deps, settings }: Sending,
  { org, kind, record }: Parameters<typeof sendAlert>[1],
) {
  const decision = record.decisions.at(-1)?.decision;
  return alertText(kind, {
    approval: record.id,
    reference: record.reference,
    tool: record.tool_name,
    reason: openText(deps.sealer, org, record.id, "reason", record.reason),
    outcome: decision === undefined ? null : decision === "approve" ? "approved" : "denied",
    expires_at: record.expires_at,
    origin: settings.url.origin,
  });
}

/** Whoever is offline until a request has ended needs no alert that it waits. */
function secondsOfUse(
  { kind, record }: Pick<Parameters<typeof sendAlert>[1], "kind" | "record">,
  now: number,
): number {
  if (kind === "decided") return DECIDED_TTL;
  return Math.max(1, Math.ceil((record.expires_at - now) / 1000));
}

function pushOutcome(
  { status, retry_after_seconds }: Awaited<ReturnType<typeof sendPush>>,
): DeliveryOutcome {
  if (status >= 200 && status < 300) return { type: "sent" };
  if (status === 404 || status === 410) {
    return { type: "gone", why: "The browser takes no pushes any more." };
  }
  return failure(`The push service answered ${status}.`, {
    for_good: REFUSED.has(status),
    wait_ms: (retry_after_seconds ?? 0) * 1000,
  });
}

function failure(
  message: string,
  { for_good, wait_ms = 0 }: { readonly for_good: boolean; readonly wait_ms?: number },
): DeliveryOutcome {
  // A mail server repeats the address that it refuses.
  const error = [...scrubText(message).text].slice(0, MAX_ERROR).join("");
  return { type: "failed", error, for_good, wait_ms };
}
