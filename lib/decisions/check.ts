import { type MachineCaller, requireTier, tenantWithin } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { type RuleWarning, ruleWarnings } from "../policy/rule_warnings.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import { decide, type Decision } from "./decide.ts";
import { type DiscoveryRoom, isDiscovery, loadDiscoveryRoom, toolAfter } from "./discovery.ts";
import { type CheckRequest, Question } from "./question.ts";

/** A decision, and the tool as the catalog has it after the question. */
export interface Checked {
  readonly decision: Decision;
  /** Null when the tool is neither in the catalog nor was registered as a draft. */
  readonly tool: ToolRecord | null;
  /** What is to be said of the rule that decided; only when the decision was to be explained. */
  readonly warnings?: readonly RuleWarning[];
}

/** The operation of one question. */
export interface CheckOperation extends MachineOperation<DiscoveryRoom | null, Checked> {
  readonly question: Question;
}

/** The operation of several. */
export interface CheckBatchOperation
  extends MachineOperation<DiscoveryRoom | null, (Checked | AnyRefusal)[]> {
  readonly questions: readonly Question[];
}

/** Decides about one action and records it; an unknown tool becomes a draft where there is room. */
export function checkOperation(request: CheckRequest, client: Client): CheckOperation {
  const question = new Question(request, client);
  return {
    question,
    prepare: (deps, org) => question.prepare(deps, org),
    load: (reader, caller) =>
      isDiscovery(reader.snapshot, request.action.tool, client.via)
        ? loadDiscoveryRoom(reader, caller)
        : null,
    plan: (transaction, caller, room) => checkOne(transaction, caller, question, room),
  };
}

/**
 * Decides about several actions on one policy version, in one commit. What is refused for one of
 * them, such as a tenant outside the wall, does not touch the others.
 */
export function checkBatchOperation(
  requests: readonly CheckRequest[],
  client: Client,
): CheckBatchOperation {
  const questions = requests.map((request) => new Question(request, client));
  return {
    questions,
    prepare(deps, org) {
      for (const question of questions) question.prepare(deps, org);
    },
    load: (reader, caller) =>
      requests.some(({ action }) => isDiscovery(reader.snapshot, action.tool, client.via))
        ? loadDiscoveryRoom(reader, caller)
        : null,
    plan(transaction, caller, room) {
      return questions.map((question) => {
        try {
          return transaction.attempt(() => checkOne(transaction, caller, question, room));
        } catch (error) {
          if (error instanceof Refusal) return error;
          throw error;
        }
      });
    },
  };
}

function checkOne(
  transaction: Transaction,
  caller: MachineCaller,
  question: Question,
  room: DiscoveryRoom | null,
): Checked {
  const { explain, action } = question.request;
  // By the trace an agent could map the policy, and look for its gaps.
  if (explain) requireTier(caller, ["standard"]);
  const tenant = tenantWithin(caller, action.tenant);
  const decision = decide(transaction, caller, question, tenant);
  const tool = toolAfter(transaction, caller, decision, room);
  if (!explain) return { decision, tool };
  const { rule } = decision.resolution;
  const warnings = rule === null ? [] : ruleWarnings(rule, transaction.snapshot);
  return { decision, tool, warnings };
}
