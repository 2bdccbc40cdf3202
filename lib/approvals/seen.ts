import { isId } from "../base/id.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Reader } from "../ledger/transaction.ts";
import {
  approvalCountKey,
  approvalHistoryKey,
  approvalKey,
  approvalOrgCountKey,
  approvalReadyKey,
  approvalReferenceKey,
} from "../store/keys.ts";
import {
  approvalPointer,
  type ApprovalRecord,
  approvalRecord,
  type AskHistory,
  askHistory,
  orgCount,
  requesterCount,
} from "../store/records/approval.ts";
import { loadArguments } from "./frozen_view.ts";
import { type AskCounts, NO_COUNTS } from "./limits.ts";
import { readReference } from "./reference.ts";
import { settledApproval } from "./settled_approval.ts";

/** A request, and what a commit that moves it has to have read. */
export interface LoadedApproval {
  readonly record: ApprovalRecord;
  /** Sealed; null once they were erased. */
  readonly arguments: Uint8Array | null;
  readonly counts: AskCounts;
  readonly history: AskHistory;
}

export const NO_HISTORY: AskHistory = { asked: 0, denied: 0, last_denial: null };

/**
 * Reads a request by its id or its reference; null when the org has none such.
 * @throws {MalformedRecord}
 */
export async function loadApproval(
  reader: Reader,
  idOrReference: string,
): Promise<LoadedApproval | null> {
  const id = await idOf(reader, idOrReference);
  if (id === null) return null;
  const { orgId } = reader.snapshot;
  const record = (await reader.get(approvalKey(orgId, id), approvalRecord))?.value;
  if (record === undefined) return null;
  const isPending = record.progress.state === "pending";
  const [args, counts, history] = await Promise.all([
    loadArguments(reader, orgId, record),
    isPending ? loadCounts(reader, record.requester.id) : NO_COUNTS,
    loadHistory(reader, record.requester.id, record.action_digest),
  ]);
  return { record, arguments: args, counts, history };
}

/**
 * Reads the request that this requester has approved and unused for an action; null when there is
 * none that still counts.
 * @throws {MalformedRecord}
 */
export async function loadReady(
  reader: Reader,
  requester: string,
  actionDigest: string,
): Promise<LoadedApproval | null> {
  const key = approvalReadyKey(reader.snapshot.orgId, requester, actionDigest);
  const pointer = await reader.get(key, approvalPointer);
  const loaded = pointer === null ? null : await loadApproval(reader, pointer.value.id);
  if (loaded === null) return null;
  const { progress } = settledApproval(loaded.record, reader.snapshot, clocksAt(reader.now));
  return progress.state === "approved" ? loaded : null;
}

/** Reads how much a requester, and the org, ask at the moment. */
export async function loadCounts(reader: Reader, requester: string): Promise<AskCounts> {
  const { orgId } = reader.snapshot;
  const [ofRequester, ofOrg] = await Promise.all([
    reader.get(approvalCountKey(orgId, requester), requesterCount),
    reader.get(approvalOrgCountKey(orgId), orgCount),
  ]);
  return {
    requester: ofRequester?.value ?? NO_COUNTS.requester,
    org: ofOrg?.value ?? NO_COUNTS.org,
  };
}

/** Reads what a requester asked about an action before. */
export async function loadHistory(
  reader: Reader,
  requester: string,
  actionDigest: string,
): Promise<AskHistory> {
  const key = approvalHistoryKey(reader.snapshot.orgId, requester, actionDigest);
  return (await reader.get(key, askHistory))?.value ?? NO_HISTORY;
}

async function idOf(reader: Reader, idOrReference: string): Promise<string | null> {
  if (isId(idOrReference, "apr")) return idOrReference;
  const reference = readReference(idOrReference);
  if (reference === null) return null;
  const key = approvalReferenceKey(reader.snapshot.orgId, reference);
  // Written once, with the request itself, and never changed.
  return (await reader.peek(key, approvalPointer))?.value.id ?? null;
}
