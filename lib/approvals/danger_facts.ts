import type { JsonObject } from "../base/json.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import {
  approvalHistoryKey,
  approvalKey,
  approvalLastKey,
  approvalLastOfKey,
} from "../store/keys.ts";
import { type Kv, readRecord, readRecords, type StoreDeps } from "../store/kv.ts";
import {
  approvalPointer,
  type ApprovalRecord,
  approvalRecord,
  type AskHistory,
  askHistory,
} from "../store/records/approval.ts";
import { type DangerFacts, type Dangers, dangersOf } from "./danger.ts";
import { loadArguments, openArguments, peeking } from "./frozen_view.ts";
import { askNameOf, NO_HISTORY } from "./seen.ts";

/** A request whose danger is told to somebody who may see its arguments. */
export interface Endangered {
  readonly record: ApprovalRecord;
  /** Null once they were erased, and for who may not see them: then nothing is said of them. */
  readonly arguments: JsonObject | null;
  /** Whether they may be told what was asked and decided before. */
  readonly inside: boolean;
}

/**
 * Reads what there is to say of the danger of requests, in the same order, for people who may see
 * them. What several have in common is read once. A request that waits no more has no danger left:
 * null. One that waits has its tool as it was frozen, for a tool that changes cancels it.
 * @throws {MalformedRecord}, {StoreUnavailable}, {CannotOpen}
 */
export async function readDangers(
  { kv, sealer }: Pick<StoreDeps, "kv" | "sealer">,
  snapshot: Pick<Snapshot, "orgId" | "tool">,
  requests: readonly Endangered[],
): Promise<(Dangers | null)[]> {
  const { orgId } = snapshot;
  const last = new Map<string, Promise<LastApproval>>();
  const lastOf = ({ tool_name, requester }: ApprovalRecord): Promise<LastApproval> => {
    const name = JSON.stringify([tool_name, requester.id]);
    const known = last.get(name) ?? readLast({ kv, sealer }, orgId, tool_name, requester.id);
    last.set(name, known);
    return known;
  };
  const histories = await readHistories(kv, orgId, requests);
  return await Promise.all(requests.map(async ({ record, arguments: args, inside }) => {
    if (record.progress.state !== "pending") return null;
    const { requester } = record;
    const { approved, levels, arguments: before } = inside ? await lastOf(record) : UNTOLD;
    return dangersOf({
      tool: snapshot.tool(record.tool_name) ?? null,
      requester: requester.type,
      history: histories.get(record.id) ?? NO_HISTORY,
      approved,
      arguments: args,
      // Whoever may see this request's arguments may see those of one that had as many levels.
      last_arguments: levels >= record.levels ? before : null,
    });
  }));
}

/** What was asked about the actions of requests before, by their ids; of those that may be told. */
async function readHistories(
  kv: Kv,
  org: string,
  requests: readonly Endangered[],
): Promise<ReadonlyMap<string, AskHistory>> {
  const told = requests.flatMap(({ record, inside }) =>
    inside && record.progress.state === "pending" ? [record] : []
  );
  const keys = told.map((record) =>
    approvalHistoryKey(org, record.requester.id, askNameOf(record))
  );
  const read = await Array.fromAsync(readRecords(kv, keys, askHistory));
  return new Map(
    told.flatMap(({ id }, at) => {
      const history = read[at] ?? null;
      return history === null ? [] : [[id, history] as const];
    }),
  );
}

/** The last approved call of a tool, of its requester or else of anybody. */
interface LastApproval extends Pick<DangerFacts, "approved"> {
  readonly levels: number;
  readonly arguments: JsonObject | null;
}

const UNTOLD: LastApproval = { approved: null, levels: 0, arguments: null };

async function readLast(
  { kv, sealer }: Pick<StoreDeps, "kv" | "sealer">,
  org: string,
  tool: string,
  requester: string,
): Promise<LastApproval> {
  const [own, any] = await Promise.all([
    readRecord(kv, approvalLastOfKey(org, tool, requester), approvalPointer),
    readRecord(kv, approvalLastKey(org, tool), approvalPointer),
  ]);
  const pointer = own ?? any;
  if (pointer === null) return { ...UNTOLD, approved: "of_nobody" };
  const approved = own === null ? "of_others" : "of_requester";
  const record = (await readRecord(kv, approvalKey(org, pointer.value.id), approvalRecord))?.value;
  if (record === undefined) return { ...UNTOLD, approved };
  const sealed = await loadArguments(peeking(kv), org, record);
  return {
    approved,
    levels: record.levels,
    arguments: sealed === null ? null : openArguments(sealer, org, record.id, sealed),
  };
}
