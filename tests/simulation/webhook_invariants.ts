import type { Entry } from "../../lib/ledger/entry.ts";
import { type Broken, type Invariant, named, text, type Watch } from "./evidence.ts";
import type { Message } from "./receiver.ts";

/** What a receiver of webhooks got, against what happened. */

/** How far the clock of a process may be from the world's, milliseconds. */
const CLOCK_MS = 3 * 60_000;

/**
 * How long after its cause a message may come, once nothing goes wrong any more: whoever looks after the
 * receiver turns it on within minutes, and what failed three times is tried again after five.
 */
export const TOLD_MS = 9.5 * 60_000;

/** A watch that looks at what receivers got. */
function overMessages(look: (message: Message) => Iterable<Broken>): Watch {
  return (happening) => happening.is === "received" ? look(happening.message) : [];
}

/** What an entry causes to be told: a type, and what it is about; null for nothing. */
function causeOf({ type, subject, data, actor }: Entry, org: string): string | null {
  const { kill_switch: thrown } = (data.changed ?? {}) as Record<string, unknown>;
  switch (type) {
    case "approval.decided":
      // The first of two that approve puts it before the second, which is another thing to be told.
      return data.decision === "approve" && data.level !== data.levels
        ? null
        : `${type} ${subject.approval}`;
    case "approval.created":
    case "approval.expired":
    case "approval.cancelled":
    case "approval.revoked":
      return `${type} ${subject.approval}`;
    case "mandate.revoked":
      return `${type} ${subject.mandate}`;
    case "execution.logged":
      // A call that runs through here is written down by the system, too, whatever came of it.
      return actor.type === "system" && data.execution_result === "unknown" && data.late !== true
        ? `execution.unknown ${subject.token}`
        : null;
    case "org.set":
      return typeof thrown === "boolean" ? `kill_switch.changed org ${org} ${thrown}` : null;
    case "tool.set":
      return typeof thrown === "boolean" ? `kill_switch.changed tool ${thrown}` : null;
    default:
      return null;
  }
}

/** The same by what is told; null for what no entry tells of. */
function toldOf({ type, data }: Message): string | null {
  switch (type) {
    case "mandate.revoked":
      return `${type} ${data.mandate_id}`;
    case "execution.unknown":
      return `${type} ${data.token_id}`;
    case "kill_switch.changed":
      // The log calls tools by their names.
      return data.scope === "tool"
        ? `${type} tool ${data.active}`
        : `${type} ${data.scope} ${data.id} ${data.active}`;
    case "budget.threshold":
    case "budget.overrun":
      return null;
    default:
      return `${type} ${data.approval}`;
  }
}

/**
 * An event exists exactly where its cause does: nothing arrives that did not happen, each by one id; and
 * all that happens arrives, within its bound once the receiver answers again.
 */
export const toldWhatHappened: Invariant = ({ org }) => {
  /** How often each happened since the webhook was made, and the newest of them. */
  const causes = new Map<string, { times: number; newest: Entry }>();
  const ids = new Map<string, Set<string>>();
  const taken = new Map<string, Set<string>>();
  /** Requests that ask their user first: what members are told of them depends on that. */
  const asksUser = new Set<unknown>();
  let isMade = false;

  function follow(entry: Entry): void {
    if (entry.type === "webhook.made") isMade = true;
    if (entry.data.seats !== undefined) asksUser.add(entry.subject.approval);
    const cause = causeOf(entry, org);
    if (!isMade || cause === null) return;
    causes.set(cause, { times: (causes.get(cause)?.times ?? 0) + 1, newest: entry });
  }

  function* receive(message: Message): Iterable<Broken> {
    const told = toldOf(message);
    if (told === null) return;
    const of = ids.getOrInsertComputed(told, () => new Set()).add(message.id);
    if (message.isTaken) taken.getOrInsertComputed(told, () => new Set()).add(message.id);
    const happened = causes.get(told)?.times ?? 0;
    if (of.size <= happened) return;
    yield {
      invariant: "nothing is told that did not happen, and each thing by one id",
      where: `${told} happened ${happened} times, told by ${[...of].join(", ")}`,
    };
  }

  return function* (happening) {
    if (happening.is === "logged") follow(happening.entry);
    if (happening.is === "received") yield* receive(happening.message);
    if (happening.is !== "passed" || happening.well_since === null) return;
    for (const [cause, { times, newest }] of causes) {
      const due = Math.max(happening.well_since, Date.parse(newest.at)) + TOLD_MS;
      const arrived = taken.get(cause)?.size ?? 0;
      if (due >= happening.now || arrived >= times) continue;
      if (asksUser.has(newest.subject.approval ?? null)) continue;
      yield {
        invariant: "what happened is told, at least once, to whoever asked for it",
        where: `${named(newest)}: ${cause} happened ${times} times, ${arrived} arrived`,
      };
    }
  };
};

/** Each message is signed by a secret that the receiver has, when it was sent, and one id says one thing. */
export const messagesAreSigned: Invariant = () => {
  const invariant = "what is told is signed, and one id says one thing";
  const said = new Map<string, string>();
  return overMessages(function* (message) {
    const { id, at, sent_at, isSigned, type } = message;
    if (!isSigned) yield { invariant, where: `${type} ${id} is signed by nobody` };
    if (Math.abs(at - sent_at) > CLOCK_MS) {
      yield { invariant, where: `${id} says that it was sent ${new Date(sent_at).toISOString()}` };
    }
    const now = `${type} ${toldOf(message)}`;
    if (said.getOrInsert(id, now) !== now) yield { invariant, where: `${id} says ${now}, too` };
  });
};

/** Nothing is told of another organization, nor of end users and resources of one's own. */
export const toldNothingElse: Invariant = ({ org }) => {
  const own = new Set<string>();
  return function* (happening) {
    if (happening.is === "logged") {
      for (const id of Object.values(happening.entry.subject)) own.add(text(id));
    }
    if (happening.is !== "received") return;
    const { id, text: said, data } = happening.message;
    const word = ["-of-the-app", "once-", "often-"].find((word) => said.includes(word));
    const other = said.match(/org_[0-9a-z]+/g)?.find((named) => named !== org);
    const about = text(data.approval) || text(data.mandate_id) || text(data.token_id);
    const isOwn = about === "" || own.has(about);
    if (word === undefined && other === undefined && isOwn) return;
    yield {
      invariant: "nothing is told of another organization, or of users and resources",
      where: `${id} tells of ${word ?? other ?? about}`,
    };
  };
};
