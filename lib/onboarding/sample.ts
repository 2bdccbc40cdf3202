import { scrubbedAsk } from "../approvals/ask.ts";
import type { Asked } from "../approvals/asking.ts";
import { lookAtApproval } from "../approvals/end.ts";
import type { SeenApproval } from "../approvals/seen.ts";
import { mintOperation } from "../authorize/mint.ts";
import { requestApproval } from "../authorize/request.ts";
import type { Action } from "../base/action.ts";
import { createAgent } from "../catalog/agents.ts";
import { DEFAULT_RATE_LIMIT } from "../catalog/api_keys.ts";
import type { ToolFields } from "../catalog/tool_record.ts";
import { putTool } from "../catalog/tools.ts";
import { TRIED_OUT } from "../evidence/insights.ts";
import { type IssuedReceipt, receiptOf } from "../evidence/receipts.ts";
import type { MachineOperation, MemberOperation } from "../identity/acting.ts";
import {
  callerOf,
  type Client,
  type MachineCaller,
  type MemberCaller,
} from "../identity/caller.ts";
import { demand } from "../identity/deeds.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { NO_MANDATE } from "../mandates/mandate.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type Accepted, RecordedRefusal, Refusal } from "../refusal.ts";
import type { Services } from "../services.ts";
import { runTokenKey, sampleKey } from "../store/keys.ts";
import { readRecord } from "../store/kv.ts";
import { type SampleRecord, sampleRecord } from "../store/records/alert.ts";
import { type RunTokenRecord, runTokenRecord } from "../store/records/token.ts";
import type { Sealer } from "../store/sealing.ts";
import { consumeOperation } from "../tokens/consume.ts";
import { logExecutionOperation } from "../tokens/execution.ts";
import { TOKEN_TTL } from "../tokens/mint.ts";
import { claimsOf, type TokenClaims } from "../tokens/token_text.ts";

/** Nothing runs behind it: it is there to be asked for. */
export const SAMPLE_TOOL = TRIED_OUT.sample;

/** What the agent is called that asks for it. */
const SAMPLE_AGENT = "Sample agent";

const SAMPLE_REASON = "Sent from the Quickstart, to see how an approval works";

/** The sample tool as it is registered: harmless, and held for a human all the same. */
const SAMPLE_TOOL_FIELDS: ToolFields = {
  description:
    "A sample: it would send a greeting. Nothing runs behind it, so it can be approved " +
    "and denied at will.",
  risk_level: "low",
  parameters: {
    type: "object",
    properties: {
      to: { type: "string", title: "Who is greeted" },
      greeting: { type: "string", title: "What is said" },
      number: { type: "integer", minimum: 1, title: "Which sample this is" },
    },
    required: ["to", "greeting", "number"],
    additionalProperties: false,
  },
  default_permission: "requires_approval",
  annotations: { read_only: false, destructive: false, idempotent: true, open_world: false },
  annotations_acknowledged: true,
};

/** The action that a member's sample of this number asks for: never the same one twice. */
function sampleAction(number: number): Action {
  return {
    tool: SAMPLE_TOOL,
    tenant: null,
    resource: null,
    method: null,
    arguments: { to: "the team", greeting: "Hello from your first agent", number },
  };
}

/** Runs an operation for the member who tries it out. */
export type Transact = <L, R>(operation: MemberOperation<L, R>) => Promise<Accepted<R>>;

const ASK = scrubbedAsk({
  reason: SAMPLE_REASON,
  context: null,
  reference_id: null,
  timeout_seconds: null,
});

/**
 * Has the member's sample agent ask for the sample tool, as an agent over REST would; tool and agent
 * are made where they are missing. Each step is whole by itself, so one that was cut off goes on.
 *
 * @returns the request
 * @throws {Refusal} what making a tool, making an agent and requesting approval refuse
 */
export async function sendSample(transact: Transact, client: Client): Promise<Asked["approval"]> {
  await transact(ensureTool(client.request_id));
  const { number } = await transact(ensureAgent(client.request_id));
  return (await transact(askForSample(number + 1, client))).approval;
}

/** One that is in use stays as it is: somebody may have changed it to see what happens then. */
function ensureTool(requestId: string): MemberOperation<void, void> {
  const put = putTool(SAMPLE_TOOL, SAMPLE_TOOL_FIELDS, requestId);
  return {
    plan(transaction, caller) {
      const { status = "archived" } = transaction.snapshot.tool(SAMPLE_TOOL) ?? {};
      if (status === "archived" || status === "draft") put.plan(transaction, caller);
    },
  };
}

function ensureAgent(requestId: string): MemberOperation<SampleRecord | null, SampleRecord> {
  const make = createAgent({
    name: SAMPLE_AGENT,
    trust_tier: 0,
    tenant_ids: null,
    expires_at: null,
    rate_limit_per_minute: DEFAULT_RATE_LIMIT,
    kill_switch: { active: false, reason: null },
  }, requestId);
  return {
    load: loadSample,
    plan(transaction, caller, sample) {
      const newest = sample?.agents.at(-1) ?? "";
      if (sample !== null && transaction.snapshot.agents.has(newest)) return sample;
      // Its token is forgotten here: it acts for its member only, from the Quickstart.
      const { record } = make.plan(transaction, caller);
      const next: SampleRecord = {
        number: sample?.number ?? 0,
        approval: sample?.approval ?? null,
        agents: [...sample?.agents ?? [], record.id],
      };
      transaction.set(sampleKey(caller.org, caller.id), next);
      return next;
    },
  };
}

function askForSample(number: number, client: Client) {
  return bySampleAgent(
    requestApproval(sampleAction(number), ASK, client),
    (asked, sample, transaction, caller) => {
      if (asked instanceof RecordedRefusal) return;
      const next: SampleRecord = { ...sample, number, approval: asked.approval.record.id };
      transaction.set(sampleKey(caller.org, caller.id), next);
    },
  );
}

/**
 * What an agent does once its request is approved, done for the member's sample: mint the token,
 * consume it for the call, run the tool, which does nothing, and report that.
 *
 * @throws {Refusal} not_found without a sample request; what minting, consuming and logging refuse
 */
export async function runSample(
  transact: Transact,
  sealer: Sealer,
  client: Client,
): Promise<void> {
  const sample = await transact({
    load: loadSample,
    plan(_transaction, caller, loaded) {
      demand(caller, "try_sample");
      return loaded;
    },
  });
  if (sample === null || sample.approval === null) {
    throw new Refusal("not_found", { what: "sample request" });
  }
  const action = sampleAction(sample.number);
  const request = {
    ...NO_MANDATE,
    action,
    approval_id: sample.approval,
    ttl_seconds: TOKEN_TTL.default,
  };
  const { text } = await transact(bySampleAgent(mintOperation(request, client)));
  await transact(bySampleAgent(consumeOperation(sealer, text, action, client)));
  const report = {
    token: text,
    given: action,
    outcome: {
      result: "success" as const,
      duration_ms: 0,
      cost_micros: null,
      output_digest: null,
      error: null,
    },
  };
  await transact(bySampleAgent(logExecutionOperation(sealer, report, client)));
}

interface Loaded<L> {
  readonly sample: SampleRecord;
  readonly loaded: L;
}

/**
 * An operation of the member's own sample agent: the very one that a request with its token would
 * run, with the agent found in force by the same commit, and the member too. Nobody holds the token:
 * it was forgotten when the agent was made, so only its member can have it do anything, from here.
 *
 * @param keep what of the result is remembered in the same commit
 * @throws {Refusal} not_found when the member has no sample agent, or it was removed;
 *   invalid_credentials when it has expired
 */
function bySampleAgent<L, R>(
  operation: MachineOperation<L, R>,
  keep: (result: R, sample: SampleRecord, transaction: Transaction, caller: MemberCaller) => void =
    () => {},
): MemberOperation<Loaded<L>, R> {
  const { prepare, load, plan } = operation;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    async load(reader, caller) {
      const sample = await loadSample(reader, caller);
      if (sample === null) throw new Refusal("not_found", { what: "sample agent" });
      const agent = agentOf(sample, reader.snapshot, caller, reader.now);
      return { sample, loaded: await load?.(reader, agent) as L };
    },
    plan(transaction, caller, { sample, loaded }) {
      demand(caller, "try_sample");
      const agent = agentOf(sample, transaction.snapshot, caller, transaction.now);
      const result = plan(transaction, agent, loaded);
      keep(result, sample, transaction, caller);
      return result;
    },
  };
}

/** What a member tried out before; null for nothing. */
export async function loadSample(
  reader: Reader,
  { org, id }: MemberCaller,
): Promise<SampleRecord | null> {
  return (await reader.get(sampleKey(org, id), sampleRecord))?.value ?? null;
}

function agentOf(
  { agents }: SampleRecord,
  snapshot: Snapshot,
  caller: MemberCaller,
  now: number,
): MachineCaller {
  const record = snapshot.agents.get(agents.at(-1) ?? "");
  // It acts for nobody but who answers for it.
  if (record === undefined || !record.members_behind.includes(caller.id)) {
    throw new Refusal("not_found", { what: "sample agent" });
  }
  return callerOf(snapshot, record, now);
}

/** The token of a sample that was run, which counts no more. */
export interface SampleRun {
  readonly status: RunTokenRecord["status"];
  readonly claims: TokenClaims;
}

/** How far a member's newest sample has come. */
export interface SampleState {
  readonly approval: SeenApproval;
  /** Null until a token was minted. */
  readonly run: SampleRun | null;
  /** Proof of the decision; null while there is none. */
  readonly receipt: IssuedReceipt | null;
}

/**
 * The state of a sample request as its member sees it; null when it is not there.
 * @param origin the name of the org's log
 */
export async function sampleState(
  { deps }: Pick<Services, "deps">,
  transact: Transact,
  { caller, origin, id }: {
    readonly caller: MemberCaller;
    readonly origin: string;
    readonly id: string;
  },
): Promise<SampleState | null> {
  const approval = await orNull(transact(lookAtApproval(id)));
  if (approval === null) return null;
  const { progress, decisions } = approval.record;
  const token_id = "token_id" in progress ? progress.token_id : null;
  const token = token_id === null
    ? null
    : await readRecord(deps.kv, runTokenKey(caller.org, token_id), runTokenRecord);
  return {
    approval,
    run: token === null
      ? null
      : { status: token.value.status, claims: claimsOf(caller.org, token.value) },
    receipt: decisions.length === 0
      ? null
      : await orNull(receiptOf(deps, caller, origin, approval.record.id)),
  };
}

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Refusal && error.code === "not_found") return null;
    throw error;
  }
}
