import { z } from "zod";
import { actorOf, type MachineCaller } from "../identity/caller.ts";
import { isWithin } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { discovers, type Via } from "../policy/chain.ts";
import { draftToolRecord } from "../policy/draft_tool.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { discoveryCallerCountKey, discoveryCountKey, toolKey } from "../store/keys.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import type { Decision } from "./decide.ts";

/** How many drafts strangers' questions may make. */
export const DISCOVERY_LIMITS = {
  per_org_an_hour: 50,
  per_caller_an_hour: 10,
  untriaged: 500,
} as const;

const HOUR_MS = 60 * 60 * 1000;

/** When drafts were made in the past hour, milliseconds. */
const times = z.object({ times: z.array(z.number()) });

/** What was read to know whether drafts may be made, and what the operation made since. */
export interface DiscoveryRoom {
  org: readonly number[];
  caller: readonly number[];
  readonly drafts: Map<string, ToolRecord>;
}

/** Reads how much room discovery has, where the tool is unknown and may be discovered. */
export async function loadDiscoveryRoom(
  reader: Reader,
  caller: MachineCaller,
): Promise<DiscoveryRoom> {
  const org = caller.org;
  const [ofOrg, ofCaller] = await Promise.all([
    reader.get(discoveryCountKey(org), times),
    reader.get(discoveryCallerCountKey(org, caller.id), times),
  ]);
  return {
    org: ofOrg?.value.times ?? [],
    caller: ofCaller?.value.times ?? [],
    drafts: new Map(),
  };
}

/** Whether asking for this tool now would register a draft, room provided. */
export function isDiscovery(snapshot: Snapshot, tool: string, via: Via): boolean {
  return snapshot.exists && snapshot.tool(tool) === undefined && discovers(snapshot.org, via) &&
    !snapshot.org.kill_switch.active;
}

/**
 * The tool that a question was about: as the catalog has it, or, where it is unknown and there is
 * room, the draft that is registered now, with its entry. Null where there is neither.
 */
export function toolAfter(
  transaction: Transaction,
  caller: MachineCaller,
  decision: Decision,
  room: DiscoveryRoom | null,
): ToolRecord | null {
  const { tool, resolved_from } = decision.resolution;
  if (tool !== null) return tool;
  if (room === null || resolved_from === "kill_switch" || resolved_from === "gate_unknown_tool") {
    return null;
  }
  const name = decision.action.tool;
  return room.drafts.get(name) ?? registerDraft(transaction, caller, name, room);
}

function registerDraft(
  transaction: Transaction,
  caller: MachineCaller,
  tool: string,
  room: DiscoveryRoom,
): ToolRecord | null {
  const { at, now, snapshot } = transaction;
  const recent = (all: readonly number[]) => all.filter((time) => isWithin(HOUR_MS, time, now));
  const ofOrg = recent(room.org);
  const ofCaller = recent(room.caller);
  const full = ofOrg.length >= DISCOVERY_LIMITS.per_org_an_hour ||
    ofCaller.length >= DISCOVERY_LIMITS.per_caller_an_hour ||
    untriaged(snapshot) + room.drafts.size >= DISCOVERY_LIMITS.untriaged;
  if (full) return null;
  const record = draftToolRecord(tool, transaction.id("tol"), at);
  const org = snapshot.orgId;
  transaction.setPolicy(toolKey(org, tool), record);
  room.drafts.set(tool, record);
  room.org = [...ofOrg, now];
  room.caller = [...ofCaller, now];
  const expireIn = HOUR_MS;
  transaction.set(discoveryCountKey(org), { times: room.org }, { expireIn });
  transaction.set(discoveryCallerCountKey(org, caller.id), { times: room.caller }, { expireIn });
  transaction.append({
    type: "tool.auto_created",
    actor: actorOf(caller),
    subject: { tool },
    data: { tool_id: record.id, status: record.status },
  });
  return record;
}

function untriaged(snapshot: Snapshot): number {
  let count = 0;
  for (const tool of snapshot.tools.values()) {
    if (tool.discovered && tool.status === "draft") count++;
  }
  return count;
}
