import { demand } from "../identity/acting.ts";
import { callerOf, type MachineCaller, type MemberCaller } from "../identity/caller.ts";
import type { MachineOperation } from "../identity/caller_operation.ts";
import type { MemberOperation } from "../identity/member_operation.ts";
import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { sampleKey } from "../store/keys.ts";
import { type SampleRecord, sampleRecord } from "../store/records/quickstart.ts";

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
export function bySampleAgent<L, R>(
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
