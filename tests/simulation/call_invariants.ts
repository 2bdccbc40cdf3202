import { actionDigest } from "../../lib/decisions/decide.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import { CALL_REPORT_MS } from "./actor.ts";
import { type Broken, type Invariant, named, namedAsked, text, timeOf } from "./evidence.ts";
import type { Asked } from "./history.ts";
import { PolicyOfLog } from "./policy_invariants.ts";
import type { Ran } from "./tool_server.ts";

/** What becomes of calls to servers of others. */

/** How the action is digested that a run was of. */
export function digestOfRun(
  org: string,
  { tool, arguments: args, method }: Pick<Ran, "tool" | "arguments" | "method">,
): string {
  return actionDigest(org, { tool, arguments: args, tenant: null, resource: null, method });
}

/**
 * Nothing runs that was not permitted by then, and no permission lets more than one thing run: of each
 * action there are never more runs than permissions that were used for it, nor after one is given back.
 */
export const callsRunOnce: Invariant = ({ org, tools }) => {
  const invariant = "a permission that is used lets one call run, after it is used";
  const policy = new PolicyOfLog(tools);
  const permitted = new Map<string, number>();
  const runs = new Map<string, number>();
  const add = (counts: Map<string, number>, digest: string, more: number) => {
    const count = (counts.get(digest) ?? 0) + more;
    counts.set(digest, count);
    return count;
  };
  return function* (happening) {
    if (happening.is === "ran") {
      const { tool, arguments: args } = happening.run;
      const digest = digestOfRun(org, happening.run);
      const count = add(runs, digest, 1);
      const most = permitted.get(digest) ?? 0;
      if (count > most) {
        const where = `${tool} ${JSON.stringify(args)} ran ${count} times with ${most} permissions`;
        yield { invariant, where };
      }
    }
    if (happening.is !== "logged") return;
    const { entry } = happening;
    if (text(entry.subject.call) !== "" && entry.type === "token.consumed") {
      add(permitted, text(entry.data.action_digest), 1);
      const permission = policy.permission(text(entry.subject.tool));
      const isPermitted = permission === "allowed" ||
        permission === "requires_approval" && text(entry.subject.approval) !== "";
      if (!isPermitted) yield { invariant, where: `${named(entry)} uses what is ${permission}` };
    }
    if (entry.type === "token.returned") {
      const digest = text(entry.data.action_digest);
      const left = add(permitted, digest, -1);
      const count = runs.get(digest) ?? 0;
      if (count > left) {
        yield { invariant, where: `${named(entry)} gives back what let something run` };
      }
    }
    policy.take(entry);
  };
};

/** What is known of a call that was begun. */
interface Begun {
  readonly entry: Entry;
  /** Null while nothing was said. */
  ended: Entry | null;
}

/** Each call that was begun ends in one thing that is said of it, within its time. */
export const callsEnd: Invariant = () => {
  const invariant = "each call that was begun ends in one outcome that is logged, in time";
  const begun = new Map<string, Begun>();

  function* follow(entry: Entry): Iterable<Broken> {
    const token = text(entry.subject.token);
    const call = begun.get(token);
    if (entry.type === "token.consumed" && text(entry.subject.call) !== "") {
      if (call !== undefined) yield { invariant, where: `${named(entry)} begins it again` };
      begun.set(token, { entry, ended: null });
    }
    if (call === undefined) return;
    const ends = entry.type === "execution.logged" || entry.type === "token.returned";
    if (!ends) return;
    const { ended } = call;
    // What nobody knew may be known later.
    const isLate = ended?.data.execution_result === "unknown" && entry.type === "execution.logged";
    if (ended !== null && !isLate) {
      yield { invariant, where: `${named(entry)} ends what ${named(ended)} did` };
    }
    call.ended = entry;
  }

  return function* (happening) {
    if (happening.is === "logged") yield* follow(happening.entry);
    if (happening.is !== "passed" || happening.well_since === null) return;
    const { now, well_since } = happening;
    for (const { entry, ended } of begun.values()) {
      const due = Math.max(timeOf(entry) + CALL_REPORT_MS, well_since) + BOUND_MS;
      if (ended === null && due < now) {
        yield { invariant, where: `nothing followed ${named(entry)}` };
      }
    }
  };
};

/** How long what is due may take, once all is well. */
const BOUND_MS = 4 * 60 * 1000;

/** What was told of a call is what the log says of it, and a result is of the action that was asked for. */
export const callsAreAnsweredAsLogged: Invariant = () => {
  const invariant = "a call is answered by what the log says of it";
  const outcomes = new Map<string, string>();

  function* told(asked: Asked): Iterable<Broken> {
    const { answer, status, body } = asked;
    const token = text(answer?.token_id);
    const outcome = outcomes.get(token);
    if (status === 200 && answer.status === "completed") {
      const isDone = outcome === "success" || outcome === "failed";
      if (!isDone) yield { invariant, where: `${namedAsked(asked)}, and the log says ${outcome}` };
      const content = JSON.stringify(answer.result ?? null);
      const given = (body as { arguments?: { n?: string } } | undefined)?.arguments?.n;
      if (answer.result !== undefined && given !== undefined && !content.includes(given)) {
        yield { invariant, where: `${namedAsked(asked)} has the result of another` };
      }
    }
    const isUnsent = ["upstream_unreachable", "upstream_busy"].includes(answer?.code);
    if (isUnsent && token !== "" && outcome !== "returned") {
      yield { invariant, where: `${namedAsked(asked)} was not sent, and the log says ${outcome}` };
    }
    if (answer?.code === "outcome_unknown" && outcome === "returned") {
      yield { invariant, where: `${namedAsked(asked)} is unknown, and the log says ${outcome}` };
    }
  }

  return function* (happening) {
    if (happening.is === "logged") {
      const { type, subject, data } = happening.entry;
      if (type === "execution.logged") {
        outcomes.set(text(subject.token), text(data.execution_result));
      }
      if (type === "token.returned") outcomes.set(text(subject.token), "returned");
    }
    if (happening.is === "answered" && happening.asked.deed === "call") {
      yield* told(happening.asked);
    }
  };
};
