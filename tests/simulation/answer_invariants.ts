import type { Entry } from "../../lib/ledger/entry.ts";
import type { Asked } from "./history.ts";
import { type Broken, type Evidence, named, namedAsked, text } from "./evidence.ts";

/** What was answered against what the log has. */

/** The entry that an answer stands for, by what the answer names; null for none. */
function entryNamed({ deed, answer }: Asked): { type: string; id: string } | null {
  switch (deed) {
    case "check":
      return { type: "permission.checked", id: text(answer.decision_id) };
    case "request":
      return { type: "approval.created", id: text(answer.id) };
    case "mint":
      return { type: "token.minted", id: text(answer.token_id) };
    case "consume":
      return { type: "token.consumed", id: text(answer.token_id) };
    case "report":
      return { type: "execution.logged", id: text(answer.execution_id) };
    default:
      return null;
  }
}

function idsOf({ id, subject }: Entry): string[] {
  return [id, text(subject.approval), text(subject.token), text(subject.execution)];
}

/** Nothing that was answered is missing in the log, and nothing is in it twice. */
export function* answeredIsLoggedOnce({ asked, entries }: Evidence): Iterable<Broken> {
  const counts = new Map<string, number>();
  const seen = new Set<string>();
  for (const entry of entries) {
    if (seen.has(entry.id)) {
      yield { invariant: "no entry is in the log twice", where: named(entry) };
    }
    seen.add(entry.id);
    for (const id of idsOf(entry)) {
      const name = `${entry.type} ${id}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  for (const one of asked) {
    if (one.status === null || one.status >= 300) continue;
    const meant = entryNamed(one);
    if (meant === null) continue;
    const count = counts.get(`${meant.type} ${meant.id}`) ?? 0;
    // An execution of which nothing was known may be reported once more.
    if (count === 1 || one.deed === "report" && count === 2) continue;
    yield {
      invariant: "what was answered is in the log once",
      where: `${namedAsked(one)}: ${meant.type} ${meant.id} is in it ${count} times`,
    };
  }
}

/** One request does one thing of a kind to one thing. */
export function* requestsAreDoneOnce({ entries }: Evidence): Iterable<Broken> {
  const done = new Map<string, Entry>();
  for (const entry of entries) {
    const id = text(entry.data.request_id);
    // A look at an approval is of what is looked at, and no deed.
    if (id === "" || entry.type === "approval.read") continue;
    const { execution: _, token: __, ...subject } = entry.subject;
    const name = `${id} ${entry.type} ${JSON.stringify(subject)}`;
    const before = done.get(name);
    if (before !== undefined) {
      yield {
        invariant: "a request is done once",
        where: `${named(entry)} does what ${named(before)} did for ${id}`,
      };
    }
    done.set(name, entry);
  }
}

/** What is done under one idempotency key is done once, however often it is asked for. */
export function* keysAreUsedOnce({ asked }: Evidence): Iterable<Broken> {
  const groups = Map.groupBy(
    asked.filter(({ key }) => key !== null),
    ({ credential, deed, key }) => `${credential} ${deed} ${key}`,
  );
  for (const group of groups.values()) {
    const meant = new Set<string>();
    for (const one of group) {
      if (one.status === null || one.status >= 300) continue;
      const name = entryNamed(one);
      if (name !== null) meant.add(`${name.type} ${name.id}`);
    }
    const [first] = group;
    if (meant.size > 1 && first !== undefined) {
      yield {
        invariant: "one idempotency key, one deed",
        where: `${namedAsked(first)}: ${[...meant].join(", ")}`,
      };
    }
  }
}

/**
 * The log is in the order of what happened: what was answered before something else was asked stands
 * before it. So what was revoked before a call began is not in force in its answer.
 */
export function* answeredStandsBeforeAsked({ asked, entries }: Evidence): Iterable<Broken> {
  const index = new Map<string, Entry>();
  for (const entry of entries) {
    const id = text(entry.data.request_id);
    if (id !== "" && !index.has(id)) index.set(id, entry);
  }
  const placed = asked.flatMap((one) => {
    const entry = index.get(one.headers?.get("x-request-id") ?? "");
    return entry === undefined || one.answered_at === null ? [] : [{ one, entry }];
  });
  const byEnd = placed.toSorted((a, b) => a.one.answered_at! - b.one.answered_at!);
  let next = 0;
  let last: (typeof placed)[number] | null = null;
  for (const later of placed.toSorted((a, b) => a.one.asked_at - b.one.asked_at)) {
    for (; next < byEnd.length; next++) {
      const earlier = byEnd[next]!;
      if (earlier.one.answered_at! >= later.one.asked_at) break;
      if (last === null || earlier.entry.index > last.entry.index) last = earlier;
    }
    if (last !== null && later.entry.index < last.entry.index) {
      yield {
        invariant: "what was answered before another thing was asked stands before it",
        where: `${namedAsked(later.one)} at ${named(later.entry)} after ${
          namedAsked(last.one)
        } at ${named(last.entry)}`,
      };
    }
  }
}

/** A ceremony's nonce lets somebody in once, however often and wherever its answer is handed in. */
export function* noncesAreUsedOnce(asked: readonly Asked[]): Iterable<Broken> {
  const used = new Map<string, Asked>();
  for (const one of asked) {
    if (one.deed !== "sign_in" || one.status !== 200) continue;
    const nonce = JSON.stringify((one.body as { nonce: string }).nonce);
    const before = used.get(nonce);
    if (before !== undefined) {
      yield {
        invariant: "a nonce is used once",
        where: `${namedAsked(one)} uses what ${namedAsked(before)} did`,
      };
    }
    used.set(nonce, one);
  }
}
