import { createOrJoin, loadAsk, type LoadedAsk } from "../approvals/ask.ts";
import type { Ask, Asked } from "../approvals/asking.ts";
import { consumeApproval, covers } from "../approvals/end.ts";
import { denialRest } from "../approvals/limits.ts";
import { type LoadedApproval, loadReady, seen } from "../approvals/seen.ts";
import { settledApproval } from "../approvals/state.ts";
import { checkBatchOperation, type LoadedBatch } from "../decisions/check_batch.ts";
import {
  actionDigest,
  type Checked,
  checkOne,
  type CheckRequest,
  type LoadedQuestion,
  loadQuestion,
  Question,
} from "../decisions/decide.ts";
import type { MachineOperation } from "../identity/acting.ts";
import {
  actionFor,
  actionWithin,
  askerOf,
  type Client,
  type MachineCaller,
  namedMandate,
} from "../identity/caller.ts";
import { clocksAt } from "../ledger/clock.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import { coversSeats } from "../mandates/seats.ts";
import { resolve } from "../policy/chain.ts";
import { type AnyRefusal, recorded, type RecordedRefusal, Refusal } from "../refusal.ts";
import {
  approvalHistoryKey,
  approvalHistoryPrefix,
  approvalKey,
  approvalOpenKey,
  approvalReadyKey,
  askName,
} from "../store/keys.ts";
import { approvalPointer, approvalRecord, askHistory } from "../store/records/approval.ts";
import { type MintedToken, mintToken, TOKEN_TTL } from "../tokens/mint.ts";
import { type LoadedTokenKey, loadSigningKey } from "../tokens/token_key.ts";
import { giveBack, mintRefusal } from "./mint.ts";

/**
 * The one door for REST and MCP: decide, then mint the token or ask for the approval, all in one
 * commit. Where an approval is required it is also told what the caller asked about the action
 * before.
 */

/** A check that goes on to what its answer leads to. */
export interface AuthorizeRequest extends CheckRequest {
  /** Whether to mint the token when the action is allowed, or has been approved; or then only. */
  readonly mint: boolean | "approved";
  /** What to tell the approver when an approval is required; null to ask nobody. */
  readonly ask: Ask | null;
}

/** A decision, and the token or the request for approval that came of it in the same commit. */
export interface Authorized extends Advised {
  readonly token: MintedToken | null;
  readonly asked: Asked | null;
}

interface Loaded {
  readonly question: LoadedQuestion;
  readonly key: LoadedTokenKey | null;
  /** The caller's approved and unused request for this very action. */
  readonly ready: LoadedApproval | null;
  readonly ask: LoadedAsk | null;
  readonly before: AskedBefore | null;
}

/**
 * Decides about one action and, as the answer and the request say, mints its token or asks for its
 * approval, all in one commit. An approval that came after an earlier wait was over is used. A
 * refusal after the decision is recorded, so that the decision's entry stays.
 */
export function authorizeOperation(
  request: AuthorizeRequest,
  client: Client,
): MachineOperation<Loaded, Authorized | RecordedRefusal> {
  const question = new Question(request, client);
  return {
    prepare: (deps, org) => question.prepare(deps, org),
    load(reader, caller) {
      const asked = loadQuestion(reader, caller, question);
      const before = request.ask === null ? askedAbout(reader, caller, question) : null;
      // The common question reads nothing, and does not wait for having read nothing.
      const common = request.mint === false && request.ask === null && before === null;
      if (common && !(asked instanceof Promise)) {
        return { question: asked, key: null, ready: null, ask: null, before: null };
      }
      return loadAll(reader, caller, request, { asked, before });
    },
    plan(transaction, caller, { question: asked, key, ready, ask, before }) {
      const checked = checkOne(transaction, caller, question, asked);
      const { decision, tool } = checked;
      const { permission } = decision.resolution;
      if (permission === "allowed" && key !== null && request.mint === true) {
        return mint(transaction, caller, checked, null, { key, client });
      }
      if (permission !== "requires_approval" || request.ask === null) {
        return { ...advised(checked, before), token: null, asked: null };
      }
      const seats = decision.mandate?.seats ?? null;
      if (ready !== null && key !== null && coversSeats(ready.record, seats)) {
        return mint(transaction, caller, checked, ready, { key, client });
      }
      if (tool === null) {
        return recorded(
          new Refusal("tool_not_registered", { tool_name: decision.action.tool }),
        );
      }
      if (ask === null) throw new Error("What an asking depends on was not read.");
      const asking = { decision, tool, ask: request.ask, client };
      const made = createOrJoin(transaction, caller, asking, ask);
      if (made instanceof Refusal) return recorded(made);
      const { id } = made.approval.record;
      return { checked, before: { state: "pending", approval: id }, token: null, asked: made };
    },
  };
}

async function loadAll(
  reader: Reader,
  caller: MachineCaller,
  { action, mandate_id, estimated_cost_micros, mint, ask }: AuthorizeRequest,
  begun: {
    readonly asked: LoadedQuestion | Promise<LoadedQuestion>;
    readonly before: Promise<AskedBefore | null> | null;
  },
): Promise<Loaded> {
  const decided = actionFor(reader.snapshot, caller, action);
  const mandate = namedMandate(caller, mandate_id);
  const name = askName(actionDigest(caller.org, decided), mandate);
  const [question, before, key, approved] = await Promise.all([
    begun.asked,
    begun.before,
    mint !== false ? loadSigningKey(reader) : null,
    mint !== false && ask !== null ? loadReady(reader, askerOf(caller), name) : null,
  ]);
  // What costs more by now is asked anew.
  const ready = approved !== null && covers(approved.record, estimated_cost_micros)
    ? approved
    : null;
  // Under a mandate more people may have to be asked by now than were.
  const needsAsk = ask !== null && (ready === null || mandate !== null);
  return {
    question,
    before,
    key,
    ready,
    ask: needsAsk ? await loadAsk(reader, caller, action, mandate) : null,
  };
}

function mint(
  transaction: Transaction,
  caller: MachineCaller,
  checked: Checked,
  ready: LoadedApproval | null,
  { key, client }: { readonly key: LoadedTokenKey; readonly client: Client },
): Authorized | RecordedRefusal {
  const stopped = mintRefusal(checked);
  const { decision } = checked;
  if (stopped !== null) {
    giveBack(transaction, caller, decision, client.request_id);
    return recorded(stopped);
  }
  const terms = { key, ttl_seconds: TOKEN_TTL.default, client };
  if (ready === null) {
    const token = mintToken(transaction, caller, decision, { ...terms, approval: null });
    return { checked, before: null, token, asked: null };
  }
  const token_id = transaction.id("rtk");
  const record = consumeApproval(transaction, ready, caller, decision, token_id);
  if (record instanceof Refusal) return recorded(record);
  const approval = { id: record.id, token_id };
  const token = mintToken(transaction, caller, decision, { ...terms, approval });
  const { snapshot, deps: { sealer } } = transaction;
  const used = seen({ ...ready, record }, caller, { snapshot, sealer });
  return { checked, before: null, token, asked: { approval: used, joined: true, nonce: null } };
}

/** A decision, and what its caller asked about the action before; null unless it asks for that. */
export interface Advised {
  readonly checked: Checked;
  readonly before: AskedBefore | null;
}

/**
 * Reads what the caller asked about an action before, where the policy requires an approval for it.
 * Everything else is answered without a read, and without waiting for having read nothing; so is,
 * once it is known what the caller asked about at all, whatever is not among that.
 */
function askedAbout(
  reader: Reader,
  caller: MachineCaller,
  question: Question,
): Promise<AskedBefore | null> | null {
  const { snapshot } = reader;
  const { action, mandate_id } = question.request;
  const mandate = namedMandate(caller, mandate_id);
  const decided = actionWithin(snapshot, caller, action);
  // Outside of the wall the decision refuses.
  if (decided instanceof Refusal) return null;
  const name = askName(question.digestOf(snapshot.orgId, decided), mandate);
  if (reader.lacks(approvalHistoryPrefix(snapshot.orgId, caller.id), name)) return null;
  const options = { via: question.client.via, mandated: mandate !== null };
  const { permission } = resolve(snapshot, decided, caller, options);
  // A mandate may ask where the policy does not.
  const mayAsk = permission === "requires_approval" ||
    (mandate !== null && permission === "allowed");
  if (!mayAsk) return null;
  return loadIfAsked(reader, caller, name, question.request.estimated_cost_micros);
}

/** `loadAskedBefore`. Mostly it is of what was never asked. */
async function loadIfAsked(
  reader: Reader,
  caller: Pick<MachineCaller, "id" | "sub_token">,
  name: string,
  estimate: number | null,
): Promise<AskedBefore | null> {
  const { snapshot } = reader;
  const prefix = approvalHistoryPrefix(snapshot.orgId, caller.id);
  await reader.look(prefix);
  if (reader.lacks(prefix, name)) return null;
  return await loadAskedBefore(reader, caller, name, estimate);
}

/** `checkBatchOperation`, with what to do about those that require an approval. */
export function adviseBatchOperation(
  requests: readonly CheckRequest[],
  client: Client,
): MachineOperation<
  { readonly batch: LoadedBatch; readonly before: readonly (AskedBefore | null)[] },
  (Advised | AnyRefusal)[]
> {
  const check = checkBatchOperation(requests, client);
  const { prepare } = check;
  return {
    ...(prepare === undefined ? {} : { prepare }),
    load(reader, caller) {
      const batch = check.load(reader, caller);
      const before = check.questions.map((question) => askedAbout(reader, caller, question));
      if (!(batch instanceof Promise) && before.every((one) => one === null)) {
        return { batch, before: [] };
      }
      return Promise.all([batch, Promise.all(before)])
        .then(([batch, before]) => ({ batch, before }));
    },
    plan: (transaction, caller, { batch, before }) =>
      check.plan(transaction, caller, batch).map((checked, i) =>
        checked instanceof Refusal ? checked : advised(checked, before[i] ?? null)
      ),
  };
}

/** A decision with what was read for it, which counts only where the decision needs it. */
function advised(checked: Checked, before: AskedBefore | null): Advised {
  const { permission } = checked.decision.resolution;
  return { checked, before: permission === "requires_approval" ? before : null };
}

/** What a requester asked about an action before, as far as it says what to do next. */
export type AskedBefore =
  | { readonly state: "pending" | "approved"; readonly approval: string }
  /** Asked again within these seconds, it is refused. */
  | { readonly state: "denied"; readonly retry_after_seconds: number };

/**
 * Reads whether a requester waits for a decision on this action, by its `askName`, has an approval of it that is not
 * used, or was denied it just now; null for none of these. It is a hint for whoever asks and grants
 * nothing, so no commit checks it.
 * @param estimate what the action is said to cost now: an approval of less is none of it
 * @throws {MalformedRecord}
 */
export async function loadAskedBefore(
  reader: Reader,
  caller: Pick<MachineCaller, "id" | "sub_token">,
  name: string,
  estimate: number | null,
): Promise<AskedBefore | null> {
  const { snapshot, now } = reader;
  const org = snapshot.orgId;
  const history = await reader.peek(approvalHistoryKey(org, caller.id, name), askHistory);
  // Every request writes it in its own commit, and it outlives them all: most checks read one row.
  if (history === null) return null;
  const [open, ready] = await Promise.all([
    reader.peek(approvalOpenKey(org, askerOf(caller), name), approvalPointer),
    reader.peek(approvalReadyKey(org, askerOf(caller), name), approvalPointer),
  ]);
  for (const pointer of [open, ready]) {
    if (pointer === null) continue;
    const found = await reader.peek(approvalKey(org, pointer.value.id), approvalRecord);
    if (found === null) continue;
    const { progress, id } = settledApproval(found.value, snapshot, clocksAt(now));
    // Of what waits already there is one request, whatever it was to cost when it was asked.
    const isGood = progress.state === "pending" ||
      (progress.state === "approved" && covers(found.value, estimate));
    if (isGood) return { state: progress.state, approval: id };
  }
  const rest = denialRest(history.value, now);
  return rest === null ? null : { state: "denied", retry_after_seconds: rest.retry_after_seconds };
}
