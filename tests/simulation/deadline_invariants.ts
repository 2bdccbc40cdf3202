import type { Entry } from "../../lib/ledger/entry.ts";
import { CALL_REPORT_MS, REPORT_WITHIN_MS } from "./actor.ts";
import { approvesForGood, usesApproval } from "./approval_invariants.ts";
import type { Asked } from "./history.ts";
import { type Invariant, isSuccess, named, namedAsked, text, timeOf } from "./evidence.ts";

/** How long after its time a thing may be left undone, once the store answers: a few sweeps. */
export const BOUND_MS = 4 * 60 * 1000;

/** What ends an approval that nobody answered, or that was approved and not used. */
const ENDS = ["expired", "cancelled", "revoked", "lapsed", "decided"].map((end) =>
  `approval.${end}`
);

/**
 * What is due is done within its bound once nothing goes wrong any more: requests expire, what was
 * approved and not used lapses, and of what was spent and never reported the log says that nobody knows.
 */
export const dueIsDone: Invariant = () => {
  const invariant = "what is due is done within its bound";
  const open = new Map<string, { entry: Entry; due: number }>();

  function follow(entry: Entry): void {
    const { type, data, subject } = entry;
    const approval = text(subject.approval);
    const token = text(subject.token);
    if (type === "approval.created") {
      open.set(approval, { entry, due: Date.parse(text(data.expires_at)) });
    }
    const goesOn = type === "approval.decided" && data.decision === "approve" &&
      !approvesForGood(entry);
    if (ENDS.includes(type) && !goesOn) open.delete(approval);
    if (approvesForGood(entry)) {
      open.set(approval, { entry, due: Date.parse(text(data.use_before)) });
    }
    if (usesApproval(entry)) open.delete(approval);
    if (type === "token.consumed") {
      const within = text(subject.call) === "" ? REPORT_WITHIN_MS : CALL_REPORT_MS;
      open.set(token, { entry, due: timeOf(entry) + within });
    }
    if (type === "execution.logged" || type === "token.returned") open.delete(token);
  }

  return function* (happening) {
    if (happening.is === "logged") follow(happening.entry);
    if (happening.is !== "passed" || happening.well_since === null) return;
    const { now, well_since } = happening;
    for (const { entry, due } of open.values()) {
      if (Math.max(due, well_since) + BOUND_MS < now) {
        yield { invariant, where: `nothing followed ${named(entry)}` };
      }
    }
  };
};

/** Nothing is usable once the clock of the process that is asked has passed its time. */
export const endedIsUnusable: Invariant = () => {
  const ends = new Map<string, number>();

  function follow(entry: Entry): void {
    const { type, subject, data } = entry;
    if (type === "token.minted") ends.set(text(subject.token), Date.parse(text(data.expires_at)));
    if (type === "approval.created") {
      ends.set(`${subject.approval} decide`, Date.parse(text(data.expires_at)));
    }
    if (approvesForGood(entry)) {
      ends.set(`${subject.approval} mint`, Date.parse(text(data.use_before)));
    }
  }

  return function* (happening) {
    if (happening.is === "logged") follow(happening.entry);
    if (happening.is !== "answered") return;
    const one = happening.asked;
    const end = ends.get(usedBy(one)) ?? Infinity;
    const { clock } = one;
    const isDone = isSuccess(one) && !isRepeated(one);
    if (!isDone || clock === null || clock < end) return;
    yield {
      invariant: "nothing is usable once a clock has passed its time",
      where: `${namedAsked(one)} at ${new Date(clock).toISOString()}, ended ${
        new Date(end).toISOString()
      }`,
    };
  };
};

/** By which name the end of what a request used is known. */
function usedBy({ deed, answer }: Asked): string {
  if (deed === "consume") return text(answer?.token_id);
  if (deed === "decide") return `${text(answer?.id)} decide`;
  if (deed === "mint") return `${text(answer?.approval_id)} mint`;
  return "";
}

/** Whether an answer is one that was given before. */
function isRepeated({ headers }: Asked): boolean {
  return headers?.get("idempotent-replayed") === "true";
}
