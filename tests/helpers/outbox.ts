import assert from "node:assert/strict";
import { decodeLeaf, type Entry, splitLeaves } from "../../lib/ledger/entry.ts";
import { heardKey, logSegmentPrefix } from "../../lib/store/keys.ts";
import { type Kv, listRecords } from "../../lib/store/kv.ts";
import { eventKey } from "../../lib/store/news_keys.ts";
import {
  type EventRecord,
  eventRecord,
  type Happening,
  HEARD_TYPES,
} from "../../lib/store/records/event.ts";
import { logSegment } from "../../lib/store/records/log.ts";
import type { TestOrg } from "../helpers/countersign.ts";

/** Has everything that happens in an org written as if an endpoint heard of it. */
export async function hearEverything(org: TestOrg): Promise<void> {
  await org.transact((transaction) =>
    transaction.setPolicy(heardKey(org.id), { org: org.id, events: [...HEARD_TYPES] })
  );
}

/** The events of an org, the oldest first. */
export async function eventsOf(kv: Kv, org: string): Promise<EventRecord[]> {
  const prefix = eventKey(org, "").slice(0, 2);
  return await Array.fromAsync(listRecords(kv, { prefix }, eventRecord), ({ value }) => value);
}

/** Holds the events of an org against its log: each cause has one, and each has its cause. */
export async function assertEventsOfLog(kv: Kv, org: string, where = ""): Promise<Happening[]> {
  const entries: Entry[] = [];
  for await (const { value } of listRecords(kv, { prefix: logSegmentPrefix(org) }, logSegment)) {
    entries.push(...splitLeaves(value.data).map(decodeLeaf));
  }
  const happened = (await eventsOf(kv, org)).map(({ happening }) => happening);
  // What a budget has come to is counted, and stands in no entry by itself.
  const caused = happened.filter(({ type }) => !type.startsWith("budget."));
  assert.deepEqual(texts(caused), texts(causes(entries)), where);
  return happened;
}

function texts(happened: readonly Happening[]): string[] {
  return happened.map((one) => JSON.stringify(Object.entries(one).sort())).sort();
}

/** What has to be told, as the log has it: read from entries alone, by names of its own. */
function causes(entries: readonly Entry[]): Happening[] {
  const thrown = new Set<string>();
  const switched = (scope: "org" | "agent" | "tool", id: string, to: unknown): Happening[] => {
    if (typeof to !== "boolean" || to === thrown.has(id)) return [];
    if (to) thrown.add(id);
    else thrown.delete(id);
    return [{ type: "kill_switch.changed", scope, id, active: to }];
  };
  return entries.flatMap(({ type, actor, subject, data }): Happening[] => {
    const changed = data.changed as Record<string, unknown> | undefined;
    const approval = String(subject.approval);
    switch (type) {
      case "approval.created":
      case "approval.expired":
      case "approval.cancelled":
      case "approval.revoked":
        return [{ type, approval }];
      case "approval.decided":
        return data.decision === "approve" && data.level !== data.levels
          ? [{ type: "approval.escalated", approval }]
          : [{ type: "approval.decided", approval }];
      case "credential.needs_reconnect":
        return [{ type, credential: String(subject.credential) }];
      case "tool.auto_created":
      case "tool.drifted":
        return [{ type, tool_id: String(data.tool_id) }];
      case "execution.logged": {
        const unknown = data.execution_result === "unknown" && actor.type === "system";
        return unknown ? [{ type: "execution.unknown", token: String(subject.token) }] : [];
      }
      case "org.set":
        return switched("org", String(subject.org), changed?.kill_switch);
      case "tool.set":
        return switched("tool", String(data.tool_id), changed?.kill_switch);
      case "agent.set":
        return switched("agent", String(subject.agent), data.kill_switch);
      case "mandate.revoked":
        return [{ type, mandate: String(subject.mandate), by: String(actor.id) }];
      default:
        return [];
    }
  });
}
