import type { Entry } from "../../lib/ledger/entry.ts";
import type { Asked } from "./history.ts";
import {
  type Broken,
  type Invariant,
  isSuccess,
  named,
  namedAsked,
  overLog,
  overSuccesses,
  text,
} from "./evidence.ts";

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
    case "call":
      return answer.status === "completed"
        ? { type: "execution.logged", id: text(answer.execution_id) }
        : null;
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
export const answeredIsLoggedOnce: Invariant = () => {
  const counts = new Map<string, number>();
  const answered = new Map<string, Asked>();
  const seen = new Set<string>();

  function* held(name: string, one: Asked): Iterable<Broken> {
    const count = counts.get(name) ?? 0;
    if (count === 1) return;
    yield {
      invariant: "what was answered is in the log once",
      where: `${namedAsked(one)}: ${name} is in it ${count} times`,
    };
  }

  return function* (happening) {
    if (happening.is === "logged") {
      const { entry } = happening;
      if (seen.has(entry.id)) {
        yield { invariant: "no entry is in the log twice", where: named(entry) };
      }
      seen.add(entry.id);
      for (const id of new Set(idsOf(entry))) {
        const name = `${entry.type} ${id}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
        const one = answered.get(name);
        if (one !== undefined) yield* held(name, one);
      }
    }
    if (happening.is === "answered" && isSuccess(happening.asked)) {
      const meant = entryNamed(happening.asked);
      if (meant === null) return;
      const name = `${meant.type} ${meant.id}`;
      answered.set(name, happening.asked);
      yield* held(name, happening.asked);
    }
  };
};

/** One request does one thing of a kind to one thing. */
export const requestsAreDoneOnce: Invariant = () => {
  const done = new Map<string, Entry>();
  return overLog(function* (entry) {
    const id = text(entry.data.request_id);
    // A look at an approval is of what is looked at, and no deed. A call that is held for people is
    // decided once more when they have answered.
    const isLook = entry.type === "approval.read";
    const isHeld = entry.type === "permission.checked" && text(entry.subject.tool).includes("/");
    if (id === "" || isLook || isHeld) return;
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
  });
};

/** What is done under one idempotency key is done once, however often it is asked for. */
export const keysAreUsedOnce: Invariant = () => {
  const done = new Map<string, string>();
  return overSuccesses(function* (one) {
    const meant = one.key === null ? null : entryNamed(one);
    if (meant === null) return;
    const name = `${meant.type} ${meant.id}`;
    const before = done.getOrInsert(`${one.credential} ${one.deed} ${one.key}`, name);
    if (before !== name) {
      yield {
        invariant: "one idempotency key, one deed",
        where: `${namedAsked(one)}: ${before}, ${name}`,
      };
    }
  });
};

/**
 * The log is in the order of what happened: what was answered before something else was asked stands
 * before it. So what was revoked before a call began is not in force in its answer.
 */
export const answeredStandsBeforeAsked: Invariant = () => {
  interface Placed {
    readonly one: Asked;
    readonly entry: Entry;
  }
  /** The first entry of each request, by the request's id. */
  const entries = new Map<string, Entry>();
  /** Of what was answered by now, what stands last. */
  let last: Placed | null = null;
  /** The same when each request was asked that is under way. */
  const before = new Map<number, Placed | null>();
  return function* (happening) {
    if (happening.is === "logged") {
      const id = text(happening.entry.data.request_id);
      if (id !== "") entries.getOrInsert(id, happening.entry);
    }
    if (happening.is === "asked") before.set(happening.asked.number, last);
    if (happening.is !== "answered") return;
    const one = happening.asked;
    const earlier = before.get(one.number) ?? null;
    before.delete(one.number);
    const entry = entries.get(one.headers?.get("x-request-id") ?? "");
    if (entry === undefined) return;
    if (earlier !== null && entry.index < earlier.entry.index) {
      yield {
        invariant: "what was answered before another thing was asked stands before it",
        where: `${namedAsked(one)} at ${named(entry)} after ${namedAsked(earlier.one)} at ${
          named(earlier.entry)
        }`,
      };
    }
    if (last === null || entry.index > last.entry.index) last = { one, entry };
  };
};

/** A ceremony's nonce lets somebody in once, however often and wherever its answer is handed in. */
export const noncesAreUsedOnce: Invariant = () => {
  const used = new Map<string, Asked>();
  return overSuccesses(function* (one) {
    if (one.deed !== "sign_in") return;
    const nonce = JSON.stringify((one.body as { nonce: string }).nonce);
    const before = used.get(nonce);
    if (before !== undefined) {
      yield {
        invariant: "a nonce is used once",
        where: `${namedAsked(one)} uses what ${namedAsked(before)} did`,
      };
    }
    used.set(nonce, one);
  });
};
