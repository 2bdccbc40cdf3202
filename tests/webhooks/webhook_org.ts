import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { asCaller, type CallerOperation } from "../../lib/identity/acting.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { listRecords } from "../../lib/store/kv.ts";
import { deliveryPrefix } from "../../lib/store/news_keys.ts";
import { type EndpointDelivery, endpointDelivery } from "../../lib/store/records/endpoint.ts";
import {
  createWebhook,
  type SecretWebhook,
  type WebhookFields,
} from "../../lib/webhooks/webhooks.ts";
import { MINUTE } from "../helpers/alerted.ts";
import { ApprovalOrg } from "../helpers/approval_org.ts";
import { type FixtureOptions, INVITED, TestClock } from "../helpers/countersign.ts";
import { type Received, Receivers } from "./receivers.ts";

export const URL = "https://hooks.example.com/countersign";

/** An org whose events go to receivers in memory. Its clock shows the time of this computer. */
export class WebhookOrg implements AsyncDisposable {
  private constructor(readonly it: ApprovalOrg, readonly receivers: Receivers) {}

  static async start(options: FixtureOptions = {}): Promise<WebhookOrg> {
    const receivers = new Receivers();
    const it = await ApprovalOrg.start({
      clock: new TestClock(Date.now()),
      ...options,
      deps: { hosts: receivers.fetch, ...options.deps },
    }, INVITED);
    return new WebhookOrg(it, receivers);
  }

  /** Runs an operation for the management key. */
  async manage<L, R>(operation: CallerOperation<L, R>) {
    const { ledgers, credentials } = this.it.countersign.services;
    const presented = await credentials.present(this.it.org.management);
    return await ledgers.transact(this.it.org.id, asCaller(presented, ["management"], operation));
  }

  /** A webhook that hears of new requests, unless it says of what. */
  async webhook(fields: Partial<WebhookFields> = {}): Promise<SecretWebhook> {
    return await this.manage(createWebhook({
      url: URL,
      events: ["approval.created"],
      description: "",
      ...fields,
    }, { request_id: "req_test", named: new Set() }));
  }

  /** What is sent to a webhook, the oldest first. */
  async deliveries(id: string): Promise<EndpointDelivery[]> {
    const { kv } = this.it.countersign.services.deps;
    const selector = { prefix: deliveryPrefix(this.it.org.id, id) };
    return await Array.fromAsync(
      listRecords(kv, selector, endpointDelivery),
      ({ value }) => value,
    );
  }

  /** Does all that comes due until so long from now, as a node that runs all the time does. */
  async pass(milliseconds: number, step = MINUTE): Promise<void> {
    const { services, clock } = this.it.countersign;
    for (let passed = 0; passed <= milliseconds; passed += step) {
      for (let turn = 0; turn < 6; turn++) await sweep(services, clock.now);
      clock.advance(step);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.it[Symbol.asyncDispose]();
  }
}

/** What a receiver that knows the secret reads. @throws where it is not to be believed */
// deno-lint-ignore no-explicit-any -- tests look at messages member by member
export function verified(secret: string, { body, headers }: Received): any {
  return new Webhook(secret).verify(body, { ...headers });
}

/** Whether a receiver that knows the secret refuses it. */
export function assertRefused(secret: string, received: Received): void {
  assert.throws(() => verified(secret, received));
}
