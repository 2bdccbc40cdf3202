import { listDeliveries } from "../../lib/alerts/preferences.ts";
import { subscribePush } from "../../lib/alerts/subscriptions.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { duePrefix } from "../../lib/store/keys.ts";
import type { ApprovalOrg } from "./approval_org.ts";
import type { SignedIn } from "./countersign.ts";
import { CLIENT } from "./people.ts";
import { PushBrowser } from "./push_browser.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Does what is due now, and what follows from it at once. */
export async function settle({ countersign: { services, clock } }: ApprovalOrg): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await sweep(services, clock.now);
}

/** Whom mails went to since the last time. */
export function mailed({ countersign: { mail } }: ApprovalOrg): string[] {
  return mail.sent.splice(0).map(({ to }) => to).sort();
}

export async function dueKinds({ countersign }: ApprovalOrg): Promise<string[]> {
  const kinds: string[] = [];
  for await (const { key } of countersign.services.deps.kv.list({ prefix: duePrefix() })) {
    kinds.push(String(key[2]));
  }
  return kinds.sort();
}

export function deliveries({ countersign, org }: ApprovalOrg, query = {}) {
  return listDeliveries(countersign.services, org.id, query);
}

/** A browser of a member that takes pushes. */
export async function browserOf({ org }: ApprovalOrg, session: SignedIn): Promise<PushBrowser> {
  const browser = new PushBrowser();
  await org.as(session, "read", subscribePush(browser.subscription, CLIENT));
  return browser;
}

/** A new approver who is signed in. */
export const approver = ({ org }: ApprovalOrg, email: string, groups: (1 | 2)[] = []) =>
  org.signedIn("approver", { email, groups });
