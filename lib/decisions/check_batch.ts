import type { MachineOperation } from "../identity/acting.ts";
import type { Client, MachineCaller } from "../identity/caller.ts";
import type { Reader } from "../ledger/transaction.ts";
import type { NamedMandate } from "../mandates/mandate.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import {
  type Checked,
  checkOne,
  type CheckRequest,
  type DiscoveryRoom,
  isDiscovery,
  loadDiscoveryRoom,
  loadNamed,
  Question,
} from "./decide.ts";

/** Several questions at once: each its decision, all of one policy version and in one commit. */

/** What several decisions are made on besides the policy. */
export interface LoadedBatch {
  readonly room: DiscoveryRoom | null;
  /** By the place of their questions; empty where no question names one. */
  readonly named: readonly (NamedMandate | null)[];
}

/** The operation of several. */
export interface CheckBatchOperation
  extends MachineOperation<LoadedBatch, (Checked | AnyRefusal)[]> {
  readonly questions: readonly Question[];
  readonly load: (reader: Reader, caller: MachineCaller) => LoadedBatch | Promise<LoadedBatch>;
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
    load(reader, caller) {
      const discovers = requests.some(({ action }) =>
        isDiscovery(reader.snapshot, action.tool, client.via)
      );
      const named = questions.map((question) => loadNamed(reader, caller, question));
      if (!discovers && named.every((one) => one === null)) return { room: null, named: [] };
      const room = discovers ? loadDiscoveryRoom(reader, caller) : null;
      return Promise.all([room, Promise.all(named)]).then(([room, named]) => ({ room, named }));
    },
    plan(transaction, caller, { room, named }) {
      return questions.map((question, i) => {
        const loaded = { room, named: named[i] ?? null };
        try {
          return transaction.attempt(() => checkOne(transaction, caller, question, loaded));
        } catch (error) {
          if (error instanceof Refusal) return error;
          throw error;
        }
      });
    },
  };
}
