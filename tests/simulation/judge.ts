import { REPORT_WITHIN_MS, TOOLS } from "./actor.ts";
import {
  answeredIsLoggedOnce,
  answeredStandsBeforeAsked,
  keysAreUsedOnce,
  noncesAreUsedOnce,
  requestsAreDoneOnce,
} from "./answer_invariants.ts";
import { approvalsAreUsedOnce } from "./approval_invariants.ts";
import { dueIsDone, endedIsUnusable } from "./deadline_invariants.ts";
import type { Broken, Evidence, Invariant } from "./evidence.ts";
import { onlyGrows } from "./log_invariants.ts";
import { decidedByTheRules } from "./policy_invariants.ts";
import { tokensAreSpentOnce } from "./token_invariants.ts";
import type { Ended } from "./run.ts";

/** What a run has broken, by all invariants over its whole history. */

const OF_THE_LOG: readonly Invariant[] = [
  decidedByTheRules,
  tokensAreSpentOnce,
  approvalsAreUsedOnce,
  answeredIsLoggedOnce,
  keysAreUsedOnce,
  answeredStandsBeforeAsked,
  requestsAreDoneOnce,
  endedIsUnusable,
];

export function judge({ world, orgs, waiting }: Ended): Broken[] {
  const broken: Broken[] = waiting.map((name) => ({
    invariant: "no operation waits for ever",
    where: `${name} still waits`,
  }));
  for (const { id, entries, verifier, auditor } of orgs) {
    if (verifier !== null) {
      broken.push({ invariant: "the offline verifier accepts the log", where: verifier });
      continue;
    }
    const asked = world.history.asked.filter(({ org }) => org === id);
    const evidence: Evidence = { org: id, asked, entries, tools: TOOLS };
    for (const invariant of OF_THE_LOG) broken.push(...invariant(evidence));
    broken.push(...onlyGrows(auditor.checkpoints, auditor.proofs));
    broken.push(...dueIsDone(entries, world.schedule.now, REPORT_WITHIN_MS));
  }
  broken.push(...noncesAreUsedOnce(world.history.asked));
  broken.push(...knowsNoOther(orgs.map(({ id }) => id), world.history.asked));
  return broken;
}

/** No answer to one org has the id of another in it. */
function* knowsNoOther(
  orgs: readonly string[],
  asked: Ended["world"]["history"]["asked"],
): Iterable<Broken> {
  for (const { org, number, answer } of asked) {
    if (answer === null || org === "") continue;
    const text = JSON.stringify(answer);
    for (const other of orgs) {
      if (other === org || !text.includes(other)) continue;
      yield { invariant: "nobody sees another org's", where: `request ${number} names ${other}` };
    }
  }
}
