import type { Entry } from "../../lib/ledger/entry.ts";
import { type Invariant, isSuccess, named, overLog, text, timeOf } from "./evidence.ts";
import { SpendingOfLog, type Spent } from "./spending_of_log.ts";

/** What budgets, uses and limits let be spent, against a count from the log alone. */

/** Nothing is let that passes a limit: all that is settled and reserved by then fits into each. */
export const limitsHold: Invariant = () => {
  const spending = new SpendingOfLog();
  return overLog(function* (entry) {
    const spent = spending.take(entry);
    // What costs nothing fits beside anything.
    if (spent === null || spent.estimate === 0) return;
    for (const limit of spending.limits.filter(({ counts }) => counts(spent))) {
      const sum = spending.counted(limit, timeOf(entry));
      if (sum <= limit.micros || entry.index <= limit.since) continue;
      yield {
        invariant: "no more is spent than a budget allows",
        where: `${named(entry)} makes it ${sum} of ${limit.micros} of ${limit.name}`,
      };
    }
  });
};

/** A mandate lets no more be done than its uses say, nor more in a minute than its scope does. */
export const usesHold: Invariant = () => {
  const invariant = "no more is done than the uses and limits of a mandate allow";
  const spending = new SpendingOfLog();
  /** How often a tool may be used in a minute, by the mandate and the tool. */
  const rates = new Map<string, number>();

  /** All that counts with it under one mandate. */
  function usedUnder(id: string): Spent[] {
    return spending.all.filter(({ mandate, isTakenOver, isTakenBack }) =>
      mandate.line.includes(id) && !isTakenOver && !isTakenBack
    );
  }

  return function* (happening) {
    if (happening.is === "answered" && happening.asked.deed === "grant") {
      if (!isSuccess(happening.asked)) return;
      const { answer, body } = happening.asked;
      const { scopes } = body as { scopes: { tool: string; limits?: Record<string, number> }[] };
      for (const { tool, limits } of scopes) {
        if (limits !== undefined) rates.set(`${answer.id} ${tool}`, limits.max_per_minute!);
      }
    }
    if (happening.is !== "logged") return;
    const { entry } = happening;
    const spent = spending.take(entry);
    if (spent === null || spent.isTakenOver) return;
    for (const id of spent.mandate.line) {
      const used = usedUnder(id);
      const { uses = Infinity } = spending.mandates.get(id)?.entry.data ?? {};
      if (used.length > Number(uses)) {
        yield { invariant, where: `${named(entry)} is ${used.length} of ${uses} under ${id}` };
      }
      const minute = Math.floor(timeOf(entry) / 60_000);
      const often = used.filter((one) =>
        one.tool === spent.tool && Math.floor(timeOf(one.entry) / 60_000) === minute
      ).length;
      const most = rates.get(`${id} ${spent.tool}`) ?? Infinity;
      if (often > most) {
        yield { invariant, where: `${named(entry)} is ${often} of ${most} a minute under ${id}` };
      }
    }
  };
};

/** What was reserved is settled, had by a token or by another decision once, and by one of these. */
export const settledOnce: Invariant = () => {
  const invariant = "what was reserved is settled or taken over once";
  const had = new Map<string, Entry>();
  return function* (happening) {
    if (happening.is === "logged") {
      const { entry } = happening;
      const decision = hadBy(entry);
      const before = had.get(decision);
      if (before !== undefined) {
        yield { invariant, where: `${named(entry)} has what ${named(before)} did` };
      }
      if (decision !== "") had.set(decision, entry);
    }
    if (happening.is !== "answered" || happening.asked.deed !== "settle") return;
    const { asked, asked: { answer, number } } = happening;
    if (!isSuccess(asked)) return;
    const micros = had.get(answer.decision_id)?.data.actual_cost_micros;
    if (micros === answer.actual_cost_micros) return;
    yield { invariant, where: `request ${number} says another cost than the log` };
  };
};

/** The decision whose reservation an entry settles or has; empty for none. */
function hadBy({ type, subject, data }: Entry): string {
  if (type === "budget.settled") return text(subject.decision);
  const isMint = type === "token.minted" && typeof subject.mandate === "string";
  return isMint ? text(data.decision_id) : text(data.took_over);
}

/** What is refused, or asks a human first, reserves nothing. */
export const refusedSpendsNothing: Invariant = () =>
  overLog(function* (entry) {
    const { type, data } = entry;
    if (type !== "permission.checked" || data.permission === "allowed") return;
    if (data.reserved === undefined) return;
    const where = `${named(entry)} reserves something`;
    yield { invariant: "what is not allowed spends nothing", where };
  });

/** What is asked for once is spent once, however often it was sent, by whichever nodes. */
export const askedOnceSpendsOnce: Invariant = () => {
  const spending = new SpendingOfLog();
  const before = new Map<string, Entry>();
  return overLog(function* (entry) {
    const spent = spending.take(entry);
    const resource = text(entry.subject.resource);
    if (spent === null || spent.isTakenOver || !resource.startsWith("once-")) return;
    // Where every limit was taken off meanwhile, a token for what a check reserved takes over nothing.
    if (entry.data.reserved === undefined) return;
    const first = before.get(resource);
    before.set(resource, entry);
    if (first === undefined) return;
    yield {
      invariant: "what is asked for once is spent once",
      where: `${named(entry)} spends for ${resource}, as ${named(first)} did`,
    };
  });
};

/**
 * What is left of each budget, once all is over that may be given back, is what the log leaves: nothing
 * was lost, or given back twice.
 */
export const budgetsStandAsCounted: Invariant = () => {
  const spending = new SpendingOfLog();
  return function* (happening) {
    if (happening.is === "logged") spending.take(happening.entry);
    if (happening.is !== "answered" || happening.asked.deed !== "standing") return;
    const { asked } = happening;
    if (!isSuccess(asked)) return;
    const said = asked.answer.data ?? [{ ...asked.answer.budget, scope: asked.answer.id }];
    for (const { scope, settled, reserved } of said) {
      const limit = spending.limits.find(({ name }) => name === scope);
      if (limit === undefined || settled === undefined) continue;
      const sum = spending.counted(limit, asked.asked_at);
      if (settled + reserved === sum) continue;
      yield {
        invariant: "what is left of a budget is what the log leaves",
        where: `${scope} says ${settled} and ${reserved}, counted is ${sum}`,
      };
    }
  };
};
