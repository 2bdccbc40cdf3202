import type { JsonObject } from "../../lib/base/json.ts";
import * as keys from "../../lib/store/keys.ts";
import { Countersign, type SignedIn, TestClock, type TestOrg } from "./countersign.ts";

/** Orgs in the states in which pages are looked at: nothing, one of each, very many, very long. */

export const PAGE_STATES = ["empty", "one", "many", "long"] as const;
export type PageState = (typeof PAGE_STATES)[number];

/** One org in a state, with its owner signed in and what its pages are about. */
export interface StagedOrg {
  readonly org: TestOrg;
  readonly owner: SignedIn;
  /** Paths of pages about one thing, by the path of the page as the manifest has it. */
  readonly paths: Readonly<Record<string, string>>;
}

const MANY = 500;
/** As many as may wait at the same time for one requester. */
const MANY_PENDING = 20;
const LONG = "long-".repeat(20);
const LONG_TEXT = "The customer was charged twice for the very same order. ".repeat(35).trim();

/** A service whose clock is the present, for pages that count down. */
export function startForPages(): Promise<Countersign> {
  return Countersign.start({ localhost: true, clock: new TestClock(Date.now()) });
}

/** Makes an org in a state. */
export async function stage(countersign: Countersign, state: PageState): Promise<StagedOrg> {
  const org = await countersign.org();
  const email = state === "long" ? `${LONG.slice(0, 60)}@${LONG.slice(0, 60)}example.com` : "";
  const owner = await org.signedIn("owner", email === "" ? {} : { email });
  if (state === "empty") return { org, owner, paths: {} };
  return { org, owner, paths: await filled(org, state) };
}

async function filled(org: TestOrg, state: Exclude<PageState, "empty">) {
  const count = state === "many" ? MANY : 1;
  const name = (noun: string, n: number) =>
    state === "long" ? `${noun}-${LONG}${n}` : `${noun}-${n}`;
  const text = state === "long" ? LONG_TEXT : "Refunds a payment to the card that it came from";
  await inParts(org, count, (transaction, n) => {
    const tool = name("refund_payment", n);
    transaction.setPolicy(keys.tenantKey(org.id, name("tenant", n)), {
      id: name("tenant", n),
      name: state === "long" ? LONG : `Tenant ${n}`,
      metadata: state === "long" ? { note: "x".repeat(10_000) } : {},
      created_at: transaction.at,
    });
    transaction.setPolicy(keys.resourceKey(org.id, name("order", n)), {
      id: name("order", n),
      name: null,
      type: "order",
      metadata: {},
      created_at: transaction.at,
    });
    const selector = {
      tenant_id: n % 2 === 0 ? null : name("tenant", n),
      resource_id: null,
      tool_name: tool,
      method: null,
      tag: null,
    };
    transaction.setPolicy(keys.ruleKey(org.id, selector), {
      id: transaction.id("rul"),
      selector,
      permission: "requires_approval",
      note: text.slice(0, 500),
      created_at: transaction.at,
      updated_at: transaction.at,
    });
  });
  for (let n = 0; n < count; n++) {
    await org.tool(name("refund_payment", n), { ...toolFields(text), tags: ["money"] });
  }
  const agent = await org.agent({ name: name("billing-agent", 0) });
  for (let n = 1; n < Math.min(count, 60); n++) await org.agent({ name: name("agent", n) });
  const asked: string[] = [];
  for (let n = 0; n < Math.min(count, MANY_PENDING); n++) {
    const { body } = await org.post("/v1/approvals", {
      tool_name: name("refund_payment", 0),
      tenant_id: name("tenant", 1 % count),
      resource_id: name("order", n),
      method: "POST",
      arguments: {
        amount: 4000 + n,
        note: state === "long" ? "y".repeat(10_000) : "for the parcel",
      },
      reason: state === "long" ? LONG_TEXT : "The parcel arrived broken, says the customer.",
      context: { ticket: 4711, chat: ["It is broken", "I want my money back"] },
    }, agent);
    asked.push(body.id);
  }
  const [first = "", second = first] = asked;
  if (second !== first) {
    await org.post(`/v1/approvals/${second}/cancel`, {}, agent);
  }
  await org.post("/v1/permissions/check", { tool_name: name("send_newsletter", 0) });
  const tool = encodeURI(name("refund_payment", 0));
  const snapshot = await org.transact(({ snapshot }) => snapshot);
  const [rule] = [...snapshot.rules];
  const [someAgent] = snapshot.agents.keys();
  return {
    "/approvals/:id": `/approvals/${first}`,
    "/tenants/:id": `/tenants/${name("tenant", 0)}`,
    "/resources/:id": `/resources/${name("order", 0)}`,
    "/tools/:name{.+}": `/tools/${tool}`,
    "/rules/:id": `/rules/${rule?.id ?? ""}`,
    "/agents/:id": `/agents/${someAgent ?? ""}`,
    "/activity/:index": "/activity/3",
    "/team/:email": `/team/${encodeURIComponent([...snapshot.members.keys()][0] ?? "")}`,
  };
}

function toolFields(description: string): JsonObject {
  return {
    description: description.slice(0, 2000),
    default_permission: "requires_approval",
    risk_level: "high",
    category: "payments",
    parameters: {
      type: "object",
      properties: { amount: { type: "integer", title: "Amount in cents" } },
    },
  };
}

type Plan = Parameters<TestOrg["transact"]>[0];
type Transaction = Parameters<Plan>[0];

async function inParts(
  org: TestOrg,
  count: number,
  write: (transaction: Transaction, n: number) => void,
): Promise<void> {
  const part = 100;
  for (let from = 0; from < count; from += part) {
    await org.transact((transaction) => {
      for (let n = from; n < Math.min(from + part, count); n++) write(transaction, n);
    });
  }
}
