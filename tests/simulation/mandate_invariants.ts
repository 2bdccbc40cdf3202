import type { Entry } from "../../lib/ledger/entry.ts";
import { BOUND_MS } from "./deadline_invariants.ts";
import {
  type Broken,
  type Invariant,
  isSuccess,
  named,
  namedAsked,
  overLog,
  text,
  timeOf,
} from "./evidence.ts";
import type { Asked } from "./history.ts";
import { PolicyOfLog } from "./policy_invariants.ts";

/** What was done under mandates, by the log and by what was answered. */

/** From the laxest to the strictest. */
const STRICTNESS = ["allowed", "requires_approval", "disabled"];

/** A mandate by its grant. */
export interface GrantedMandate {
  readonly entry: Entry;
  readonly agent: string;
  /** Itself, and those that it was made of. */
  readonly line: readonly string[];
  readonly expires: number;
  /** What ended it before its time. */
  ended: Entry | null;
}

/** The mandates that a log has granted so far, and what ended them. */
export class MandatesOfLog {
  readonly #granted = new Map<string, GrantedMandate>();
  /** The mandates that requests for approval are under. */
  readonly #requests = new Map<string, string>();

  /** Takes the next entry into account. */
  take(entry: Entry): void {
    const { type, subject, data } = entry;
    const id = text(subject.mandate);
    if (type === "mandate.granted") {
      this.#granted.set(id, {
        entry,
        agent: text(data.agent),
        line: [id, ...(Array.isArray(data.ancestors) ? data.ancestors.map(String) : [])],
        expires: Date.parse(text(data.expires_at)),
        ended: null,
      });
    }
    const mandate = this.#granted.get(id);
    if (ENDS.includes(type) && mandate !== undefined) mandate.ended = entry;
    if (type === "approval.created" && typeof data.mandate_id === "string") {
      this.#requests.set(text(subject.approval), data.mandate_id);
    }
  }

  get(id: string): GrantedMandate | undefined {
    return this.#granted.get(id);
  }

  /** The mandate that an entry is about, or that the request is under which it is about. */
  of({ subject }: Entry): GrantedMandate | undefined {
    const id = text(subject.mandate) || this.#requests.get(text(subject.approval));
    return this.#granted.get(id ?? "");
  }

  /** A mandate with those that it was made of. */
  lineOf({ line }: GrantedMandate): GrantedMandate[] {
    return line.flatMap((id) => this.#granted.get(id) ?? []);
  }
}

const ENDS = ["mandate.revoked", "mandate.superseded"];

/** Whether an entry lets something be done. */
function lets({ type, data }: Entry): boolean {
  return type === "permission.checked" && data.permission === "allowed" ||
    type === "token.minted" || type === "token.consumed" ||
    type === "approval.decided" && data.decision === "approve";
}

/** A mandate lets nothing through that the policy does not: it says what that says, and narrows it. */
export const mandatesOnlyNarrow: Invariant = ({ tools }) => {
  const policy = new PolicyOfLog(tools);
  return overLog(function* (entry) {
    const { type, subject, data } = entry;
    if (type === "permission.checked" && typeof subject.mandate === "string") {
      const expected = policy.permission(text(subject.tool));
      const said = STRICTNESS.indexOf(text(data.permission));
      if (said < STRICTNESS.indexOf(expected)) {
        yield {
          invariant: "a mandate lets nothing through that the policy does not",
          where: `${named(entry)} says ${data.permission} where the policy says ${expected}`,
        };
      }
    }
    policy.take(entry);
  });
};

const OVER = "a mandate that was revoked, replaced or has expired lets nothing be done";

/** Nothing is let, and nothing lets itself be used, under a mandate that is over, or one above it. */
export const endedMandatesLetNothing: Invariant = () => {
  const mandates = new MandatesOfLog();
  const broken = (where: string): Broken => ({ invariant: OVER, where });
  return overLog(function* (entry) {
    const mandate = mandates.of(entry);
    if (ENDS.includes(entry.type) && mandate !== undefined && mandate.ended !== null) {
      yield broken(`${named(entry)} ends what ${named(mandate.ended)} did`);
    }
    mandates.take(entry);
    if (mandate === undefined || !lets(entry)) return;
    for (const { ended, expires, entry: granted } of mandates.lineOf(mandate)) {
      if (ended !== null) yield broken(`${named(entry)} after ${named(ended)}`);
      // A log that was past it when it was granted tells nothing: it was ahead of the time.
      const isPast = timeOf(entry) >= expires && timeOf(granted) < expires;
      if (isPast) yield broken(`${named(entry)} after ${new Date(expires).toISOString()}`);
    }
  });
};

/** What is asked after the end of a mandate was answered is not let under it, on whichever node. */
export const endedIsHeard: Invariant = () => {
  const mandates = new MandatesOfLog();
  const ended = new Map<string, Asked>();
  return function* (happening) {
    if (happening.is === "logged") mandates.take(happening.entry);
    if (happening.is !== "answered" || !isSuccess(happening.asked)) return;
    const { asked } = happening;
    const revoked = /^\/v1\/mandates\/([^/]+)\/revoke$/.exec(asked.path)?.[1];
    const id = revoked ?? text(asked.deed === "grant" ? bodyOf(asked).replaces : undefined);
    if (id !== "" && !ended.has(id)) ended.set(id, asked);
    const isLet = asked.deed === "mint" ||
      asked.deed === "check" && asked.answer.permission === "allowed";
    if (!isLet) return;
    for (const one of mandates.get(text(bodyOf(asked).mandate_id))?.line ?? []) {
      const end = ended.get(one);
      if (end === undefined || end.answered_at! >= asked.asked_at) continue;
      const where = `${namedAsked(asked)} was let after ${namedAsked(end)} was answered`;
      yield { invariant: OVER, where };
    }
  };
};

function bodyOf({ body }: Asked): Record<string, unknown> {
  return (body ?? {}) as Record<string, unknown>;
}

/** The entries about each mandate are numbered without a gap: omission shows. */
export const mandatesAreNumbered: Invariant = () => {
  const last = new Map<string, number>();
  return overLog(function* (entry) {
    const { mandate_seq: seq } = entry.data;
    if (typeof seq !== "number") return;
    const id = text(entry.subject.mandate);
    const expected = (last.get(id) ?? 0) + 1;
    last.set(id, seq);
    if (seq === expected) return;
    yield {
      invariant: "the entries about a mandate are numbered without a gap",
      where: `${named(entry)} is ${seq}, expected is ${expected}`,
    };
  });
};

/** A mandate is granted once, and is of use to its own agent, user and organization alone. */
export const mandatesAreOfTheirOwn: Invariant = () => {
  const invariant = "a mandate is of use to its own agent, user and organization alone";
  const mandates = new MandatesOfLog();
  const users = new Map<string, unknown>();

  function* look(entry: Entry): Iterable<Broken> {
    const { subject, actor, type } = entry;
    const id = text(subject.mandate);
    const mandate = mandates.get(id);
    mandates.take(entry);
    if (type === "mandate.granted" && mandate !== undefined) {
      yield { invariant, where: `${named(entry)} grants ${id} again` };
    }
    if (id === "" || !lets(entry)) return;
    if (mandate === undefined) {
      yield { invariant, where: `${named(entry)} is under ${id}, which nobody granted` };
    } else if (mandate.agent.startsWith("agt_") && actor.id !== mandate.agent) {
      yield { invariant, where: `${named(entry)} is of ${actor.id} under one of ${mandate.agent}` };
    }
  }

  return function* (happening) {
    if (happening.is === "logged") yield* look(happening.entry);
    if (happening.is !== "answered" || !isSuccess(happening.asked)) return;
    const { asked } = happening;
    const { mandate_id, parent, user_id } = bodyOf(asked);
    if (asked.deed === "grant") users.set(asked.answer.id, user_id);
    if (asked.deed === "narrow") users.set(asked.answer.id, users.get(text(parent)));
    const of = users.get(text(mandate_id));
    const isLet = asked.deed === "check" && asked.answer.permission === "allowed";
    if (!isLet || user_id === undefined || of === undefined || of === user_id) return;
    yield { invariant, where: `${namedAsked(asked)} is for ${user_id} under one of ${of}` };
  };
};

/** What waits under a mandate, or was approved and not used, ends with it, within its bound. */
export const waitingEndsWithMandates: Invariant = () => {
  const invariant = "what waits under a mandate ends with it";
  const mandates = new MandatesOfLog();
  const open = new Map<string, { readonly entry: Entry; readonly mandate: GrantedMandate }>();
  /** When mandates were ended, milliseconds of the world's time. */
  const over = new Map<string, number>();
  let isCalm = false;

  function follow(entry: Entry, now: number): void {
    const { type, subject, data } = entry;
    mandates.take(entry);
    if (ENDS.includes(type)) over.getOrInsert(text(subject.mandate), now);
    const approval = text(subject.approval);
    const mandate = mandates.of(entry);
    const goesOn = type === "approval.read" ||
      type === "approval.decided" && data.decision === "approve";
    if (type === "approval.created" && mandate !== undefined) {
      open.set(approval, { entry, mandate });
    } else if (approval !== "" && !goesOn) open.delete(approval);
  }

  /** Where nothing goes wrong it is done at once: sooner than what waits would end by itself. */
  function* late(now: number): Iterable<Broken> {
    for (const { entry, mandate } of open.values()) {
      const ends = mandate.line.flatMap((id) => over.get(id) ?? []);
      if (Math.min(...ends) + AT_ONCE_MS >= now) continue;
      yield { invariant, where: `nothing followed ${named(entry)}, although nothing went wrong` };
    }
  }

  return function* (happening) {
    if (happening.is === "logged") follow(happening.entry, happening.now);
    if (happening.is === "asked" && isCalm) yield* late(happening.asked.asked_at);
    if (happening.is !== "passed") return;
    ({ isCalm } = happening);
    if (happening.well_since === null) return;
    for (const { entry, mandate } of open.values()) {
      const ends = mandates.lineOf(mandate).flatMap(({ ended }) => ended ?? []).map(timeOf);
      const due = Math.max(happening.well_since, Math.min(...ends));
      if (due + BOUND_MS >= happening.now) continue;
      yield { invariant, where: `nothing followed ${named(entry)}, whose mandate was over` };
    }
  };
};

/** How long what is due at once may take where nothing goes wrong, milliseconds. */
const AT_ONCE_MS = 20_000;
