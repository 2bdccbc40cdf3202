import { clocksAt } from "../ledger/clock.ts";
import { Reader } from "../ledger/transaction.ts";
import { isBuried, loadStandingTerms } from "../mandates/mandate.ts";
import { isUserKeyGone } from "../mandates/user_passkeys.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import { executionKey, runTokenKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import type {
  ApprovalLevel,
  ApprovalRecord,
  Cancelled,
  Requester,
} from "../store/records/approval.ts";
import type { Party } from "../store/records/identity.ts";
import {
  type Binding,
  type ExecutionRecord,
  executionRecord,
  type ExecutionResult,
  type RunTokenRecord,
  runTokenRecord,
} from "../store/records/token.ts";
import { revocation } from "../tokens/standing.ts";
import { stateAt } from "../tokens/state.ts";

/**
 * What happened to a request and to what was run with it, the oldest first, and what it waits for.
 */

/** What happened to a request, and to what was run with it. */
type StoryStep =
  & { readonly at: number }
  & (
    | { readonly kind: "requested"; readonly by: Requester }
    | { readonly kind: "asked_again" }
    | {
      readonly kind: "approved" | "denied";
      readonly level: ApprovalLevel;
      readonly member: string;
      readonly asserted_by: string | null;
    }
    | { readonly kind: "expired" | "lapsed" | "revoked" }
    | { readonly kind: "cancelled"; readonly because: Cancelled }
    | { readonly kind: "minted"; readonly token: string }
    | { readonly kind: "token_expired"; readonly token: string }
    | { readonly kind: "token_revoked"; readonly token: string; readonly because: string }
    | {
      readonly kind: "consumed";
      readonly token: string;
      readonly by: Party;
      readonly binding: Binding;
    }
    | {
      readonly kind: "result";
      readonly execution: string;
      readonly result: ExecutionResult;
      /** Whether it came after the run had counted as unknown. */
      readonly late: boolean;
      readonly duration_ms: number | null;
    }
  );

/**
 * What a request waits for, and until when, milliseconds. `allowing`: its token would be refused
 * now, and is good again should the policy allow it within its time.
 */
export interface Awaited {
  readonly what: "decision" | "mint" | "consume" | "allowing" | "report";
  readonly until: number;
}

export interface Story {
  /** The oldest first. */
  readonly steps: readonly StoryStep[];
  /** Null when nothing more will come, a late report aside. */
  readonly awaits: Awaited | null;
  /** Whether what was approved can still be taken back: it has not run. */
  readonly revocable: boolean;
}

/** The story of a request that somebody has seen. @throws {MalformedRecord} */
export async function approvalStory(
  { deps }: Pick<Services, "deps">,
  snapshot: Snapshot,
  record: ApprovalRecord,
): Promise<Story> {
  const org = snapshot.orgId;
  const { progress } = record;
  const tokenId = "token_id" in progress ? progress.token_id : null;
  const token = tokenId === null
    ? null
    : (await readRecord(deps.kv, runTokenKey(org, tokenId), runTokenRecord))?.value ?? null;
  const read = await Promise.all(
    executionsOf(token).map((id) => readRecord(deps.kv, executionKey(org, id), executionRecord)),
  );
  const executions = read.flatMap((found) => found === null ? [] : [found.value]);
  const now = deps.now();
  const reader = new Reader(deps.kv, snapshot, now, null);
  const mandate = token === null || token.mandate_id === null
    ? null
    : await loadStandingTerms(reader, token.mandate_id);
  const buried = mandate !== null && await isBuried(reader, record.resource);
  const user_key_gone = token !== null && await isUserKeyGone(reader, record);
  const grounds = { approval: record, mandate, buried, user_key_gone };
  const refused = token !== null &&
    revocation(snapshot, token, grounds, clocksAt(now)) !== null;
  return storyOf(record, { token, refused }, executions, now);
}

/** What became of the token of a request. */
interface TokenThen {
  readonly token: RunTokenRecord | null;
  /** Whether the policy has something against it, if it is not spent. */
  readonly refused: boolean;
}

/** The story that records tell at `now`, milliseconds. */
function storyOf(
  record: ApprovalRecord,
  { token, refused }: TokenThen,
  executions: readonly ExecutionRecord[],
  now: number,
): Story {
  const steps: StoryStep[] = [
    { kind: "requested", at: record.created_at, by: record.requester },
    ...record.asked_again.map(({ at }) => ({ kind: "asked_again" as const, at: Date.parse(at) })),
    ...record.decisions.map(({ decision, at, level, member, asserted_by }) => ({
      kind: decision === "approve" ? "approved" as const : "denied" as const,
      at,
      level,
      member,
      asserted_by,
    })),
    ...(token === null ? [] : tokenSteps(token, now)),
    ...executions.map((run) => ({
      kind: "result" as const,
      at: run.logged_at,
      execution: run.id,
      result: run.result,
      late: run.late,
      duration_ms: run.duration_ms,
    })),
    ...endSteps(record),
  ];
  const awaits = awaited(record, { token, refused }, now);
  return {
    // What happens in one commit has one time, and stays in the order of its kinds.
    steps: steps.toSorted((a, b) => a.at - b.at),
    awaits,
    revocable: awaits !== null && REVOCABLE.has(awaits.what),
  };
}

const REVOCABLE: ReadonlySet<Awaited["what"]> = new Set(["mint", "consume", "allowing"]);

function tokenSteps(token: RunTokenRecord, now: number): StoryStep[] {
  const steps: StoryStep[] = [{ kind: "minted", at: token.minted_at, token: token.id }];
  if (stateAt(token, clocksAt(now)) === "expired") {
    steps.push({ kind: "token_expired", at: token.expires_at, token: token.id });
  } else if (token.status === "revoked") {
    const { revoked_at: at, revoked_because: because } = token;
    steps.push({ kind: "token_revoked", at, token: token.id, because });
  } else if (token.status !== "minted") {
    const { consumed_at: at, consumed_by: by, binding } = token;
    steps.push({ kind: "consumed", at, token: token.id, by, binding });
  }
  return steps;
}

function endSteps({ progress }: ApprovalRecord): StoryStep[] {
  switch (progress.state) {
    case "expired":
    case "lapsed":
    case "revoked":
      return [{ kind: progress.state, at: progress.ended_at }];
    case "cancelled":
      return [{ kind: "cancelled", at: progress.ended_at, because: progress.because }];
    default:
      return [];
  }
}

function awaited(
  { progress, expires_at }: ApprovalRecord,
  { token, refused }: TokenThen,
  now: number,
): Awaited | null {
  if (progress.state === "pending") return { what: "decision", until: expires_at };
  if (progress.state === "approved") return { what: "mint", until: progress.use_before };
  if (token === null) return null;
  const state = stateAt(token, clocksAt(now));
  if (state === "minted") {
    return { what: refused ? "allowing" : "consume", until: token.expires_at };
  }
  return state === "consumed" && "report_due_at" in token
    ? { what: "report", until: token.report_due_at }
    : null;
}

function executionsOf(token: RunTokenRecord | null): string[] {
  if (token === null || !("execution_id" in token)) return [];
  return "late_execution_id" in token
    ? [token.execution_id, token.late_execution_id]
    : [token.execution_id];
}
