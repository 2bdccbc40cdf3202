import type { MemberCaller } from "../identity/caller.ts";
import type { Services } from "../services.ts";
import type { AlertText } from "./alert_text.ts";
import type { DeliveryOutcome } from "./delivery_state.ts";
import { type Destination, sendText } from "./send.ts";
import { listSubscriptions } from "./subscriptions.ts";

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
  const write = () => ({ text: testText(settings.url.origin), ttl: TEST_TTL });
  return await Promise.all(destinations.map(async (to) => ({
    to,
    outcome: await sendText(services, to, write),
  })));
}

function testText(origin: string): AlertText {
  const url = `${origin}/notifications`;
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
