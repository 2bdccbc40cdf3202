import { loadApproval, type LoadedApproval, seesArguments } from "../approvals/seen.ts";
import { settledApproval } from "../approvals/state.ts";
import { idTime, isId } from "../base/id.ts";
import type { MemberOperation } from "../identity/acting.ts";
import { entryAbout, readHead } from "../ledger/log_reader.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { Refusal } from "../refusal.ts";
import { callPrefix } from "../store/gateway_keys.ts";
import { executionKey, runTokenKey } from "../store/keys.ts";
import { type Kv, listRecords } from "../store/kv.ts";
import type { ApprovalRecord } from "../store/records/approval.ts";
import { type CallRecord, callRecord } from "../store/records/call.ts";
import {
  type ExecutionRecord,
  executionRecord,
  type ExecutionResult,
  type RunTokenRecord,
} from "../store/records/token.ts";
import { loadCall } from "./call_record.ts";
import { type CallStatus, statusNow } from "./read_call.ts";

/** Calls as members look at them: what happened to one, the oldest first, and the newest of all. */

/** What happened to a call; times are milliseconds. */
export type CallStep =
  & { readonly at: number }
  & (
    | { readonly kind: "asked" | "allowed" | "refused" | "sent" | "returned" }
    | { readonly kind: "approved" | "denied"; readonly member: string }
    /** The request ended without a yes: its state. */
    | { readonly kind: "over"; readonly state: string }
    | { readonly kind: "answered"; readonly result: ExecutionResult }
    /** Nobody said in time what came of it. */
    | { readonly kind: "given_up" }
  );

/** A call with all that a member may know of it. */
export interface CallStory {
  readonly call: CallRecord;
  readonly status: CallStatus;
  /** The oldest first. */
  readonly steps: readonly CallStep[];
  readonly approval: ApprovalRecord | null;
  readonly execution: ExecutionRecord | null;
  /** How long people took, and how long the upstream, milliseconds; null for what is not known. */
  readonly waited_ms: number | null;
  readonly ran_ms: number | null;
  /** Until when it has to be known what came of it; null for one that does not run. */
  readonly due_at: number | null;
  /** Whether the upstream is another one by now than it was sent to. */
  readonly moved: boolean;
  /** Whether this member may read what the upstream said: it may hold what they may not see. */
  readonly inside: boolean;
}

interface Loaded {
  readonly call: CallRecord;
  readonly token: RunTokenRecord | null;
  readonly approval: LoadedApproval | null;
  readonly execution: ExecutionRecord | null;
}

/** A member looks at a call. @throws {Refusal} not_found */
export function lookAtCall(id: string): MemberOperation<Loaded | null, CallStory> {
  return {
    async load(reader) {
      const looking = reader.fromStore;
      const call = isId(id, "cal") ? await loadCall(looking, id) : null;
      return call === null ? null : await loadAround(looking, call);
    },
    plan(transaction, caller, loaded) {
      if (loaded === null) throw new Refusal("not_found", { what: "call of this id" });
      const { call, token, execution } = loaded;
      const approval = settledIn(transaction, loaded);
      const status = statusNow(transaction, call, token, approval && { record: approval });
      const started = "started_at" in call ? call.started_at : null;
      const upstream = transaction.snapshot.upstreams.get(call.upstream);
      return {
        call,
        status,
        steps: stepsOf(call, { token, execution, approval }, status),
        approval,
        execution,
        waited_ms: approval === null || started === null ? null : started - call.created_at,
        ran_ms: call.status === "completed" ? call.duration_ms : execution?.duration_ms ?? null,
        due_at: status === "running" && token !== null && "report_due_at" in token
          ? token.report_due_at
          : null,
        moved: token !== null && (upstream?.generation ?? 0) > token.policy_version,
        inside: seesArguments(caller, {
          levels: approval?.levels ?? 2,
          requester: { ...call.requester, name: "" },
        }),
      };
    },
  };
}

async function loadAround(reader: Reader, call: CallRecord): Promise<Loaded> {
  const { orgId } = reader.snapshot;
  const approvalId = "approval_id" in call ? call.approval_id : null;
  const [token, approval] = await Promise.all([
    "token_id" in call ? reader.guarded(runTokenKey(orgId, call.token_id)) : null,
    approvalId === null ? null : loadApproval(reader, approvalId),
  ]);
  const ran = token !== null && "execution_id" in token ? token.execution_id : null;
  const execution = ran === null
    ? null
    : (await reader.get(executionKey(orgId, ran), executionRecord))?.value ?? null;
  return { call, token, approval, execution };
}

/** The request of a call as it is by now. */
function settledIn(
  transaction: Transaction,
  { approval }: Pick<Loaded, "approval">,
): ApprovalRecord | null {
  if (approval === null) return null;
  return settledApproval(approval.record, transaction.snapshot, transaction, approval);
}

function stepsOf(
  call: CallRecord,
  { token, execution, approval }: {
    readonly token: RunTokenRecord | null;
    readonly execution: ExecutionRecord | null;
    readonly approval: ApprovalRecord | null;
  },
  status: CallStatus,
): CallStep[] {
  const { created_at } = call;
  const steps: CallStep[] = [{ kind: "asked", at: created_at }];
  if (approval === null && call.status !== "pending") {
    steps.push({ kind: call.status === "refused" ? "refused" : "allowed", at: created_at });
  }
  if (approval !== null) {
    steps.push(...approval.decisions.map(({ decision, member, at }): CallStep => ({
      kind: decision === "approve" ? "approved" : "denied",
      member,
      at,
    })));
    const { progress } = approval;
    if ("ended_at" in progress) {
      steps.push({ kind: "over", state: progress.state, at: progress.ended_at });
    }
  }
  if ("started_at" in call) steps.push({ kind: "sent", at: call.started_at });
  if (token?.status === "returned") steps.push({ kind: "returned", at: token.returned_at });
  if (execution !== null) {
    steps.push({ kind: "answered", result: execution.result, at: execution.logged_at });
  } else if (status === "unknown" && token !== null && "report_due_at" in token) {
    steps.push({ kind: "given_up", at: token.report_due_at });
  }
  // What happens in one commit has one time, and stays in this order.
  return steps.toSorted((a, b) => a.at - b.at);
}

/** An entry of the log that is about a call. */
export interface CallEntry {
  readonly type: string;
  readonly index: number;
}

/** The entries about a call, the oldest first. */
export async function callEntries(
  kv: Kv,
  org: string,
  { call, execution, steps }: CallStory,
): Promise<CallEntry[]> {
  const { size } = await readHead(kv, org);
  const token = "token_id" in call ? call.token_id : null;
  const returned = steps.find(({ kind }) => kind === "returned")?.at ?? null;
  const decided = { id: call.decision_id, time: idTime(call.decision_id) };
  const ended = { id: token, time: execution?.logged_at ?? returned };
  const isGuarded = call.findings !== undefined;
  const sought = [
    { ...decided, type: "permission.checked" },
    ...isGuarded ? [{ ...decided, type: "guard.found" }] : [],
    { id: token, time: token === null ? null : idTime(token), type: "token.consumed" },
    ...isGuarded ? [{ ...ended, type: "guard.found" }] : [],
    { id: token, time: returned, type: "token.returned" },
  ];
  const found = await Promise.all(
    sought.map(({ id, time, type }) =>
      id === null || time === null ? null : entryAbout(kv, org, size, {
        id,
        time,
        is: (entry) => entry.type === type,
      })
    ),
  );
  const entries = found.flatMap((one): CallEntry[] =>
    one === null ? [] : [{ type: one.entry.type, index: one.index }]
  );
  return execution === null
    ? entries
    : [...entries, { type: "execution.logged", index: execution.entry_index }];
}

/** Which calls are listed; null for any. */
export interface CallFilter {
  readonly upstream: string | null;
  readonly tool: string | null;
  /** Id of who made it. */
  readonly actor: string | null;
}

/** Calls of a page, and where to go on: after the id of that name. Null where nothing is left. */
export interface CallPage {
  readonly calls: readonly CallRecord[];
  readonly next: string | null;
}

/** How many rows one page looks at, so that a rare filter holds nobody up. */
const ROWS_SEEN = 1000;

/** The newest calls that fit, after one of them. Where there are more to look at, `next` says so. */
export async function newestCalls(
  kv: Kv,
  org: string,
  filter: CallFilter,
  { limit, after }: { readonly limit: number; readonly after: string | null },
): Promise<CallPage> {
  const prefix = callPrefix(org);
  const selector = after === null ? { prefix } : { prefix, end: [...prefix, after] };
  const calls: CallRecord[] = [];
  let seen = 0;
  let last: string | null = null;
  const options = { reverse: true, limit: ROWS_SEEN + 1 };
  for await (const { value: call } of listRecords(kv, selector, callRecord, options)) {
    if (seen === ROWS_SEEN || calls.length === limit) return { calls, next: last };
    seen++;
    last = call.id;
    if (fits(call, filter)) calls.push(call);
  }
  return { calls, next: null };
}

function fits({ upstream, tool, requester }: CallRecord, filter: CallFilter): boolean {
  return (filter.upstream === null || upstream === filter.upstream) &&
    (filter.tool === null || tool === filter.tool) &&
    (filter.actor === null || requester.id === filter.actor);
}

/** What each of some calls is by now, by id. */
export function statusesOf(
  calls: readonly CallRecord[],
): MemberOperation<readonly Loaded[], ReadonlyMap<string, CallStatus>> {
  const open = calls.filter(({ status }) => status === "running" || status === "pending");
  return {
    load: (reader) => Promise.all(open.map((call) => loadAround(reader.fromStore, call))),
    plan(transaction, _caller, loaded) {
      const statuses = new Map(calls.map(({ id, status }) => [id, status]));
      for (const around of loaded) {
        const { call, token } = around;
        const approval = settledIn(transaction, around);
        const record = approval && { record: approval };
        statuses.set(call.id, statusNow(transaction, call, token, record));
      }
      return statuses;
    },
  };
}
