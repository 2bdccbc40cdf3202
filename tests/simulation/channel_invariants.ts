import type { Entry } from "../../lib/ledger/entry.ts";
import type { Card } from "./channel.ts";
import { type Broken, type Invariant, named, text } from "./evidence.ts";
import { TOLD_MS } from "./webhook_invariants.ts";

/** What a channel of people showed, against what happened. */

/** What ends a request, of which a channel is told whenever it can be. */
const ENDS = ["decided", "expired", "cancelled", "revoked"].map((end) => `approval.${end}`);

/**
 * A channel is told how each request ended, at least once and in its bound, of requests of its own org
 * alone, and of no user and no resource. That one waits it may hear too late to be told.
 */
export const channelsAreTold: Invariant = () => {
  const requests = new Set<string>();
  /** Requests that ask their user first: what members are told of them depends on that. */
  const asksUser = new Set<string>();
  const ended = new Map<string, Entry[]>();
  const shown = new Map<string, Set<string>>();
  let isMade = false;

  function follow(entry: Entry): void {
    const { type, subject, data } = entry;
    const approval = text(subject.approval);
    if (type === "channel.made") isMade = true;
    if (type === "approval.created") requests.add(approval);
    if (data.seats !== undefined) asksUser.add(approval);
    const goesOn = data.decision === "approve" && data.level !== data.levels;
    if (isMade && ENDS.includes(type) && !goesOn) {
      ended.getOrInsertComputed(approval, () => []).push(entry);
    }
  }

  function* look({ approval, text: said, isTaken }: Card): Iterable<Broken> {
    if (isTaken) shown.getOrInsertComputed(approval, () => new Set()).add(said);
    const word = ["-of-the-app", "once-", "often-"].find((word) => said.includes(word));
    if (word === undefined && requests.has(approval)) return;
    yield {
      invariant: "nothing is told of another organization, or of users and resources",
      where: `a card tells of ${word ?? approval}`,
    };
  }

  return function* (happening) {
    if (happening.is === "logged") follow(happening.entry);
    if (happening.is === "carded") yield* look(happening.card);
    if (happening.is !== "passed" || happening.well_since === null) return;
    for (const [approval, ends] of ended) {
      const newest = ends.at(-1)!;
      const due = Math.max(happening.well_since, Date.parse(newest.at)) + TOLD_MS;
      const count = shown.get(approval)?.size ?? 0;
      if (due >= happening.now || count >= ends.length || asksUser.has(approval)) continue;
      yield {
        invariant: "a channel is told how each request ended",
        where: `${named(newest)} is one of ${ends.length}, ${count} cards were shown`,
      };
    }
  };
};
