import type { Entry } from "../../lib/ledger/entry.ts";
import { credentialDigest } from "../../lib/passkeys/evidence.ts";
import { usesApproval } from "./approval_invariants.ts";
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
import type { Asked, Happening } from "./history.ts";

/** What users of mandates answered, against what they were asked, and what became of it (M8, M9). */

/** A question to a user by the entries so far. */
interface Question {
  readonly created: Entry;
  /** What the user said, or who spoke for them. */
  answer: Entry | null;
  /** The last yes: it says until when all of it is good. */
  last: Entry | null;
}

/** The questions to users that a log has. */
class QuestionsOfLog extends Map<string, Question> {
  take(entry: Entry): void {
    const { type, subject, data } = entry;
    const approval = text(subject.approval);
    const seats = Array.isArray(data.seats) ? data.seats : [];
    if (type === "approval.created" && seats.includes("user")) {
      this.set(approval, { created: entry, answer: null, last: null });
    }
    const question = this.get(approval);
    if (type !== "approval.decided" || question === undefined) return;
    if (data.seat === "user") question.answer ??= entry;
    if (data.decision === "approve") question.last = entry;
  }
}

/** Whether an entry is a user's own yes, or that of a key for them. */
function isYes({ data }: Entry): boolean {
  return data.decision === "approve";
}

/** A user is asked before anybody else, and answers once, in time. */
export const usersAnswerOnce: Invariant = () => {
  const questions = new QuestionsOfLog();
  const broken = (where: string): Broken => ({
    invariant: "a user is asked first, and answers once and in time",
    where,
  });
  return overLog(function* (entry) {
    const { type, subject, data } = entry;
    const question = questions.get(text(subject.approval));
    if (type === "approval.decided" && question !== undefined) {
      const { created, answer } = question;
      const isUsers = data.seat === "user";
      if (isUsers && answer !== null) {
        yield broken(`${named(entry)} answers what ${named(answer)} did`);
      }
      if (!isUsers && (answer === null || !isYes(answer))) {
        yield broken(`${named(entry)} comes before the user's yes`);
      }
      const until = Date.parse(text(created.data.user_until));
      // A log that was past it when it was asked tells nothing: it was ahead of the time.
      if (isUsers && timeOf(entry) >= until && timeOf(created) < until) {
        yield broken(`${named(entry)} answers what ended ${created.data.user_until}`);
      }
    }
    questions.take(entry);
  });
};

/** A user's yes is of use once for the action, under the mandate and in the time that it was given for. */
export const yesCountsForOne: Invariant = () => {
  const questions = new QuestionsOfLog();
  return overLog(function* (entry) {
    const question = questions.get(text(entry.subject.approval));
    if (usesApproval(entry) && question !== undefined) {
      const { created, answer, last } = question;
      const broken = (where: string): Broken => ({
        invariant: "a user's yes counts for its action, mandate and time alone (M8)",
        where: `${named(entry)} ${where}`,
      });
      if (answer === null || !isYes(answer)) yield broken("rests on no yes");
      if (entry.data.action_digest !== created.data.action_digest) {
        yield broken(`is for another action than ${named(created)}`);
      }
      if (entry.subject.mandate !== created.data.mandate_id) {
        yield broken(`is under ${entry.subject.mandate}, asked was ${created.data.mandate_id}`);
      }
      const until = Date.parse(text(last?.data.use_before));
      if (last !== null && timeOf(entry) >= until && timeOf(last) < until) {
        yield broken(`comes after ${last.data.use_before}`);
      }
    }
    questions.take(entry);
  });
};

/** What somebody says who answers by a nonce. */
function answerOf({ body }: Asked) {
  return body as {
    readonly decision: string;
    readonly statement?: { readonly approval: string };
    readonly assertion?: { readonly id: string };
  };
}

function nonceOf({ path }: Asked): string {
  return path.split("/")[3] ?? "";
}

/** A nonce serves one answer, of the question that it was handed out with, by what was signed for that. */
export const noncesServeOneAnswer: Invariant = () => {
  const invariant = "a nonce serves one answer, of its own question (M8)";
  /** The question of each nonce, as whoever asked was told. */
  const asked = new Map<string, string>();
  const answered = new Map<string, Asked>();
  return function* (happening) {
    if (happening.is !== "answered" || !isSuccess(happening.asked)) return;
    const one = happening.asked;
    const { nonce, confirmation } = one.deed === "check" ? one.answer : {};
    if (typeof nonce === "string") asked.set(nonce, confirmation.id);
    if (one.deed !== "answer") return;
    const own = nonceOf(one);
    const before = answered.get(own);
    if (before !== undefined) {
      yield { invariant, where: `${namedAsked(one)} answers what ${namedAsked(before)} did` };
    }
    answered.set(own, one);
    const question = asked.get(own) ?? one.answer.id;
    if (one.answer.id !== question) {
      yield { invariant, where: `${namedAsked(one)} answers ${one.answer.id}, not ${question}` };
    }
    const signed = answerOf(one).statement?.approval.slice("apr_".length);
    if (signed !== undefined && one.answer.id !== `cnf_${signed}`) {
      yield { invariant, where: `${namedAsked(one)} was signed for apr_${signed}` };
    }
  };
};

/** What asked does not answer, and one key answers for one person only, the user or a member. */
export const askersNeverAnswer: Invariant = () => {
  const invariant = "what asked never answers, and one key answers for one only (M9)";
  const questions = new QuestionsOfLog();

  function* look(entry: Entry): Iterable<Broken> {
    const { type, subject, data, actor } = entry;
    const question = questions.get(text(subject.approval));
    if (type === "approval.decided" && question !== undefined && isYes(entry)) {
      const asker = question.created.actor.id;
      const key = data.asserted_by;
      if (actor.id === asker || key === asker) {
        yield { invariant, where: `${named(entry)} is of ${asker}, which asked` };
      }
      const isSame = key !== null && question.answer?.data.asserted_by === key;
      if (data.seat !== "user" && isSame) {
        yield { invariant, where: `${named(entry)} is of ${key}, which answered for the user` };
      }
    }
    questions.take(entry);
  }

  /** By which credential each question was asked. */
  const askers = new Map<string, string>();
  return function* (happening) {
    if (happening.is === "logged") yield* look(happening.entry);
    if (happening.is !== "answered" || !isSuccess(happening.asked)) return;
    const one = happening.asked;
    if (one.deed === "check" && typeof one.answer.nonce === "string") {
      askers.set(one.answer.nonce, one.credential);
    }
    const isByKey = one.deed === "answer" && answerOf(one).decision === "approve" &&
      answerOf(one).assertion === undefined;
    if (isByKey && askers.get(nonceOf(one)) === one.credential) {
      yield { invariant, where: `${namedAsked(one)} is of ${one.credential}, which asked` };
    }
  };
};

/** Whose mandates and passkeys are, as actors know it, and which passkeys speak for whom, as the log does. */
class Users {
  /** The user of each mandate. */
  readonly #mandates = new Map<string, string>();
  /** The user of each passkey, by the digest that the log names it by. */
  readonly #passkeys = new Map<string, string>();
  /** Since which entry each passkey speaks for its user. */
  readonly #speaking = new Map<string, Map<string, number>>();

  follow(happening: Happening): void {
    if (happening.is === "logged") return this.#take(happening.entry);
    if (happening.is !== "asked" && happening.is !== "answered") return;
    const { deed, body, path, answer, status } = happening.asked;
    if (deed === "speak") {
      const user = path.split("/")[3] ?? "";
      const { passkeys } = body as unknown as {
        readonly passkeys: { readonly credential_id: string }[];
      };
      for (const { credential_id } of passkeys) {
        this.#passkeys.set(credentialDigest(credential_id), user);
      }
    }
    if (deed === "grant" && status === 201) {
      this.#mandates.set(answer.id, text((body as Record<string, unknown>).user_id));
    }
  }

  of(mandate: string): string | undefined {
    return this.#mandates.get(mandate);
  }

  /** The passkeys that speak for a user, with since which entry. */
  speaking(user: string): ReadonlyMap<string, number> {
    return this.#speaking.get(user) ?? new Map();
  }

  #take({ type, data, index }: Entry): void {
    if (type !== "user.passkeys_set" || !Array.isArray(data.credentials)) return;
    const named = data.credentials.map(String);
    const user = this.#passkeys.get(named[0] ?? "");
    if (user === undefined) return;
    const before = this.speaking(user);
    this.#speaking.set(user, new Map(named.map((one) => [one, before.get(one) ?? index])));
  }
}

/**
 * Yes is said by a passkey that spoke for the user before the question was asked, and by the application
 * only where the user has none; and it is of use while that passkey speaks for them still.
 */
export const usersSpeakForThemselves: Invariant = () => {
  const questions = new QuestionsOfLog();
  const users = new Users();
  /** What tokens were made of. */
  const approvals = new Map<string, string>();
  const broken = (where: string): Broken => ({
    invariant: "a user says yes by their own passkey, which speaks for them still",
    where,
  });

  function* said(entry: Entry, { created }: Question): Iterable<Broken> {
    const user = users.of(text(created.data.mandate_id));
    if (user === undefined) return;
    const speaking = users.speaking(user);
    const { asserted_by, credential } = entry.data;
    if (asserted_by !== null && asserted_by !== undefined) {
      const isOwn = speaking.size > 0 || created.data.confirm_by === "passkey";
      if (isOwn) yield broken(`${named(entry)} is of ${asserted_by}, and ${user} has a passkey`);
      return;
    }
    const since = speaking.get(text(credential));
    if (since === undefined) yield broken(`${named(entry)} is of no passkey of ${user}`);
    else if (since > created.index) {
      yield broken(`${named(entry)} is of a passkey that is newer than ${named(created)}`);
    }
  }

  function* used(entry: Entry, approval: string): Iterable<Broken> {
    const question = questions.get(approval);
    const user = users.of(text(question?.created.data.mandate_id));
    const credential = question?.answer?.data.credential;
    if (user === undefined || typeof credential !== "string") return;
    if (users.speaking(user).has(credential)) return;
    yield broken(`${named(entry)} rests on a passkey that is none of ${user} any more`);
  }

  function* look(entry: Entry): Iterable<Broken> {
    const { type, subject, data } = entry;
    const approval = text(subject.approval);
    const question = questions.get(approval);
    const isUsers = type === "approval.decided" && data.seat === "user" && isYes(entry);
    if (isUsers && question !== undefined) yield* said(entry, question);
    if (usesApproval(entry)) {
      approvals.set(text(subject.token), approval);
      yield* used(entry, approval);
    } else if (type === "token.consumed") {
      yield* used(entry, approvals.get(text(subject.token)) ?? "");
    }
    questions.take(entry);
  }

  return function* (happening) {
    if (happening.is === "logged") yield* look(happening.entry);
    users.follow(happening);
  };
};
