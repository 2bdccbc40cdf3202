import { joinBytes } from "../base/bytes.ts";
import { AnswerGuard, type AnswerLook, atOnce } from "../guards/result.ts";
import type { Services } from "../services.ts";
import type { AfterGuard } from "../store/records/guards.ts";
import { readForeign } from "../upstreams/foreign_json.ts";
import type { AnsweredResult, CallOutcome, UpstreamProgress } from "../upstreams/port.ts";

/**
 * What an upstream said, as it may leave: looked at by the guards of the tool before anybody is told,
 * and before any of it is kept. Results, errors, what it asks for and what it says of its progress are
 * looked at alike.
 */
export class OutcomeGuard {
  readonly #answer: AnswerGuard;

  constructor(readonly services: Pick<Services, "deps">, guards: readonly AfterGuard[]) {
    this.#answer = new AnswerGuard(guards);
  }

  /** What was found until now. */
  looked(): AnswerLook {
    return this.#answer.looked();
  }

  progress(progress: UpstreamProgress): UpstreamProgress {
    const { message } = progress;
    return message === null
      ? progress
      : { ...progress, message: this.#words(message, "/progress") };
  }

  /** An outcome with what may leave of it. The digest of what was said is made before. */
  async outcome(outcome: CallOutcome): Promise<CallOutcome> {
    switch (outcome.is) {
      case "result":
        return await this.#result(outcome);
      case "asks":
        return { ...outcome, asked: outcome.asked.map((one) => this.#words(one, "/asked")) };
      case "too_large":
        return outcome;
      case "failed":
      case "not_sent":
      case "unknown":
        return { ...outcome, says: this.#words(outcome.says, "/error") };
    }
  }

  /** Words that were cut when they came. */
  #words(text: string, pointer: string): string {
    return atOnce(this.#answer.text(text, pointer));
  }

  async #result(result: AnsweredResult): Promise<AnsweredResult> {
    const { content, structured_content, rest, meta } = result;
    const answer = this.#answer;
    return {
      ...result,
      content: await this.#inTurns(answer.json(content, "/content", true)),
      structured_content: structured_content === null
        ? null
        : await this.#inTurns(answer.json(structured_content, "/structured_content")),
      rest: await this.#texts(rest, "/rest"),
      meta: await this.#texts(meta, "/rest/_meta"),
    };
  }

  /** Members of a result: their names are looked at, too. */
  async #texts(members: Members, at: string): Promise<Members> {
    if (members.size === 0) return members;
    const json = objectOf(members);
    const next = await this.#inTurns(this.#answer.json(json, at));
    if (next === json) return members;
    const read = await readForeign(next, this.services.deps.timer);
    if (typeof read === "string") throw new Error("What guards left of a result is no JSON.");
    return new Map((read.names() ?? []).map((name) => [name, read.part(name) ?? next]));
  }

  /** Does work step by step, so that no answer of a stranger keeps others from theirs. */
  async #inTurns<T>(work: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
      await this.services.deps.timer(0).elapsed;
    }
  }
}

type Members = AnsweredResult["rest"];

/** The text of an object of these members. */
function objectOf(members: Members): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts = [...members].flatMap(([name, text], at) => [
    encoder.encode(`${at === 0 ? "{" : ","}${JSON.stringify(name)}:`),
    text,
  ]);
  return joinBytes([...parts, encoder.encode("}")]);
}

/** What is found of a result that is larger than may be read. */
export const TOO_LARGE = { guard: "size", kind: "size", count: 1 } as const;

/** Words of an upstream that could not even be connected to, without what looks like a credential. */
export function safeWords(says: string): string {
  return atOnce(new AnswerGuard([{ kind: "credentials", mode: "redact" }]).text(says, "/error"));
}
