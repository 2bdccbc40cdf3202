import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Entry } from "../ledger/entry.ts";

/**
 * What was spent of a mandate's own budget day by day, as its entries in the log tell: each decision on
 * its day, at what it cost as far as somebody said, and else as it was estimated. Pure.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

/** What one decision counts: as it was reported, as it was estimated, or held and maybe given back. */
interface Spent {
  readonly day: number;
  readonly micros: number;
  readonly as: "reported" | "estimated" | "held";
  /** When nothing holds it any more, milliseconds; null for never. */
  readonly until: number | null;
}

/** The amounts of one day, in UTC. */
export interface DaySpent {
  /** When it began, milliseconds. */
  readonly day: number;
  readonly reported: number;
  readonly estimated: number;
  /** What run tokens hold that are not spent yet, and what is given back unless somebody settles it. */
  readonly held: number;
}

/** Sums by day, the oldest first; every one of the last `days` has its place. */
export function spentByDay(
  entries: readonly Pick<Entry, "id" | "at" | "type" | "subject" | "data">[],
  now: number,
  days: number,
): DaySpent[] {
  const first = startOf(now) - (days - 1) * DAY_MS;
  const sums = new Map<number, DaySpent>();
  for (let day = first; day <= now; day += DAY_MS) {
    sums.set(day, { day, reported: 0, estimated: 0, held: 0 });
  }
  for (const { day, micros, as, until } of spentIn(entries)) {
    const sum = sums.get(day);
    if (sum === undefined || (until !== null && until <= now)) continue;
    sums.set(day, { ...sum, [as]: Math.min(Number.MAX_SAFE_INTEGER, sum[as] + micros) });
  }
  return [...sums.values()];
}

/** What each decision came to, by the entries about it in their order. */
function spentIn(
  entries: readonly Pick<Entry, "id" | "at" | "type" | "subject" | "data">[],
): Iterable<Spent> {
  const byDecision = new Map<string, Spent>();
  const ofToken = new Map<string, string>();
  /** Those that have what an earlier check counted, which no token gives back. */
  const stay = new Set<unknown>();
  const change = (decision: unknown, to: (spent: Spent) => Partial<Spent>) => {
    const spent = typeof decision === "string" ? byDecision.get(decision) : undefined;
    if (typeof decision !== "string" || spent === undefined) return;
    byDecision.set(decision, { ...spent, ...to(spent) });
  };
  for (const { id, at, type, subject, data } of entries) {
    const own = ownAmount(data);
    const token = typeof subject.token === "string" ? subject.token : null;
    const decision = token === null ? undefined : ofToken.get(token);
    switch (type) {
      case "permission.checked": {
        if (own === null) break;
        if (typeof data.took_over === "string") {
          byDecision.delete(data.took_over);
          stay.add(id);
        }
        const until = typeof own.until === "number" ? own.until : null;
        byDecision.set(id, {
          day: startOf(Date.parse(at)),
          micros: Number(own.micros),
          as: until === null ? "estimated" : "held",
          until,
        });
        break;
      }
      case "token.minted":
      case "token.consumed": {
        const { decision_id } = data;
        if (token !== null && typeof decision_id === "string") ofToken.set(token, decision_id);
        // What a human approved is counted by the token that it became.
        if (own !== null && typeof decision_id === "string") {
          const day = startOf(Date.parse(at));
          const micros = Number(own.micros);
          byDecision.set(decision_id, { day, micros, as: "estimated", until: null });
        }
        const isHeld = type === "token.minted";
        const ends = Date.parse(String(data.held_until ?? data.expires_at));
        change(
          decision_id,
          (spent) =>
            isHeld && !stay.has(decision_id)
              ? { as: "held", until: ends }
              : { as: spent.as === "held" ? "estimated" : spent.as, until: null },
        );
        break;
      }
      case "token.returned":
        change(decision, () => ({ micros: 0 }));
        break;
      case "execution.logged":
        if (typeof data.cost_micros !== "number") break;
        change(decision, () => ({ micros: Number(data.cost_micros), as: "reported", until: null }));
        break;
      case "budget.settled": {
        const micros = Number(data.actual_cost_micros);
        change(subject.decision, () => ({ micros, as: "reported", until: null }));
        break;
      }
    }
  }
  return byDecision.values();
}

/** What an entry counts against the mandate's own budget; null for nothing. */
function ownAmount(data: JsonObject): JsonObject | null {
  const all = Array.isArray(data.reserved) ? data.reserved.filter(isJsonObject) : [];
  return all.find(({ scope, micros }) => scope === "mandate" && typeof micros === "number") ?? null;
}

function startOf(at: number): number {
  return at - at % DAY_MS;
}
