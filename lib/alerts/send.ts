import { dangerLine, type Dangers } from "../approvals/danger.ts";
import { readDangers } from "../approvals/danger_facts.ts";
import { loadArguments, openArguments, openText, peeking } from "../approvals/frozen_view.ts";
import { pagePath } from "../base/page_path.ts";
import { visibleLine } from "../base/text.ts";
import type { MemberCaller } from "../identity/caller.ts";
import { EndpointRefused, type PushPayload, sendPush, vapidSubject } from "../outside/push.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { scrubText } from "../scrub/scrub.ts";
import type { Services } from "../services.ts";
import type { AlertKind, PushSubscriptionRecord } from "../store/records/alert.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import type { DeliveryOutcome } from "./delivery.ts";
import { listSubscriptions, pushKey } from "./subscriptions.ts";

/**
 * What an alert says, how it is sent, and what comes of a try. It says how dangerous a request is and
 * how long it waits, and never the arguments; it goes to mail servers and push services, which are
 * strangers. Failures are outcomes and are not thrown.
 */

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

/** What people are told of: a request, by the policy that it is told by. */
interface Told {
  readonly snapshot: Snapshot;
  readonly kind: AlertKind;
  readonly record: ApprovalRecord;
}

/** Sends one alert once. Never throws: what went wrong is the outcome. */
export function sendAlert(
  services: Sending,
  alert: Told,
  to: Destination,
): Promise<DeliveryOutcome> {
  return sendText(services, to, async () => ({
    text: await textOf(services, alert),
    ttl: secondsOfUse(alert, services.deps.now()),
  }));
}

/**
 * Sends once what `write` writes, over the channel of the destination. Never throws: what went wrong,
 * in writing too, is the outcome.
 */
async function sendText(
  services: Sending,
  to: Destination,
  write: () => Promise<{
    readonly text: AlertText;
    /** How long a push service keeps it for a browser that is off, seconds. */
    readonly ttl: number;
  }>,
): Promise<DeliveryOutcome> {
  try {
    const { text, ttl } = await write();
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

async function textOf(
  { deps, settings }: Sending,
  { snapshot, kind, record }: Told,
): Promise<AlertText> {
  const org = snapshot.orgId;
  const decision = record.decisions.at(-1)?.decision;
  const args = await loadArguments(peeking(deps.kv), org, record);
  const [dangers = null] = await readDangers(deps, snapshot, [{
    record,
    arguments: args === null ? null : openArguments(deps.sealer, org, record.id, args),
    inside: true,
  }]);
  return alertText(kind, {
    approval: record.id,
    reference: record.reference,
    tool: record.tool_name,
    reason: openText(deps.sealer, org, record.id, "reason", record.reason),
    dangers,
    outcome: decision === undefined ? null : decision === "approve" ? "approved" : "denied",
    expires_at: record.expires_at,
    origin: settings.url.origin,
  });
}

/** Whoever is offline until a request has ended needs no alert that it waits. */
function secondsOfUse(
  { kind, record }: Pick<Told, "kind" | "record">,
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

/** Most characters of a reason in an alert. */
export const MAX_REASON = 200;

/** Agents name the tools that they discover. */
const MAX_TOOL = 100;

/** What an alert may say of a request; the arguments and the context are not among it. */
interface AlertFacts {
  readonly approval: string;
  readonly reference: string;
  readonly tool: string;
  /** Scrubbed. */
  readonly reason: string;
  /** What is said first; null of what waits no more. */
  readonly dangers: Dangers | null;
  readonly outcome: "approved" | "denied" | null;
  /** Milliseconds. */
  readonly expires_at: number;
  /** The origin that the link leads to. */
  readonly origin: string;
}

/** An alert as each channel takes it. */
interface AlertText {
  readonly mail: { readonly subject: string; readonly text: string };
  readonly push: PushPayload;
}

/** What people are told about a request. */
export function alertText(kind: AlertKind, facts: AlertFacts): AlertText {
  const { approval, reference, outcome, origin } = facts;
  const tool = visibleLine(facts.tool, MAX_TOOL);
  const reason = visibleLine(facts.reason, MAX_REASON);
  const url = origin + pagePath("/approvals/:id", { id: approval });
  const headline = `${HEADLINES[kind] ?? OUTCOMES[outcome ?? "none"]}: ${tool}`;
  const danger = facts.dangers === null ? [] : [dangerLine(facts.dangers)];
  const until = kind === "decided" ? null : utcMinute(facts.expires_at);
  const lines = [
    ...danger,
    opening(kind, outcome),
    "",
    `Tool: ${tool}`,
    `Reference: ${reference}`,
    `The agent says (unverified): ${reason}`,
    ...(until === null ? [] : [`Expires: ${until}`]),
    "",
    `Open it here: ${url}`,
    "",
  ];
  return {
    mail: { subject: `${headline} (${reference})`, text: lines.join("\n") },
    push: {
      title: headline,
      body: [
        ...danger,
        // Before the reason: a lock screen cuts the end of a body.
        ...(until === null ? [] : [`Expires ${until}`]),
        `${reference} · ${reason}`,
      ].join("\n"),
      url,
      tag: approval,
    },
  };
}

const HEADLINES: Readonly<Record<AlertKind, string | null>> = {
  new_request: "Approval wanted",
  second_level: "Second approval wanted",
  nearing_expiry: "Expires soon",
  decided: null,
};

const OUTCOMES = { approved: "Approved", denied: "Denied", none: "Decided" } as const;

function opening(kind: AlertKind, outcome: AlertFacts["outcome"]): string {
  switch (kind) {
    case "new_request":
      return "An agent asks for approval, and you may decide.";
    case "second_level":
      return "A request was approved at Level 1 and waits for Level 2, where you may decide.";
    case "nearing_expiry":
      return "A request that you may decide expires soon.";
    case "decided":
      return `A request was ${outcome ?? "decided"}.`;
  }
}

/** A moment to the minute: mail does not know where its reader is, and may be read much later. */
function utcMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** How many tests a member may send themself in a minute, so that no mailbox is flooded by it. */
const TESTS_A_MINUTE = 3;

/** A push that comes later than the person waits for it says nothing, seconds. */
const TEST_TTL = 60;

/** Where a test went, and what came of it. */
export interface TestDelivery {
  readonly to: Destination;
  readonly outcome: DeliveryOutcome;
}

/**
 * Sends a member a test over every way in which alerts reach them: a mail, where there is a mail
 * server, and a push to each of their browsers, whatever they have switched off.
 * @throws {Refusal} rate_limited
 */
export async function sendTest(
  services: Pick<Services, "deps" | "ledgers" | "settings" | "rateLimits">,
  { id, email, account }: Pick<MemberCaller, "id" | "email" | "account">,
): Promise<TestDelivery[]> {
  const { deps, rateLimits, settings } = services;
  rateLimits.take({ id: `test ${id}`, rate_limit_per_minute: TESTS_A_MINUTE }, deps.now());
  const browsers = await listSubscriptions(deps.kv, account);
  const destinations: Destination[] = [
    ...(deps.mail.configured ? [{ channel: "mail", address: email } as const] : []),
    ...browsers.map((subscription) => ({ channel: "push", subscription } as const)),
  ];
  const write = () => Promise.resolve({ text: testText(settings.url.origin), ttl: TEST_TTL });
  return await Promise.all(destinations.map(async (to) => ({
    to,
    outcome: await sendText(services, to, write),
  })));
}

function testText(origin: string): AlertText {
  const url = origin + pagePath("/notifications");
  return {
    mail: {
      subject: "Countersign: a test",
      text: `You asked for a test. Alerts about requests reach you like this.\n\n${url}\n`,
    },
    push: {
      title: "A test",
      body: "You asked for it. Alerts about requests look like this.",
      url,
      tag: "test",
    },
  };
}
