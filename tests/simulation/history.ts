import type { JsonValue } from "../../lib/base/json.ts";

/** All that anybody asked in a simulated world, and what they heard. */

/** One request, and what became of it. */
export interface Asked {
  readonly number: number;
  readonly actor: string;
  readonly org: string;
  /** What it is for, in a word: `check`, `mint`. */
  readonly deed: string;
  readonly method: string;
  readonly path: string;
  readonly body: JsonValue | undefined;
  /** Whose credential, by the actor's own name for it. */
  readonly credential: string;
  /** The idempotency key; null for none. */
  readonly key: string | null;
  /** Milliseconds of the world's time. */
  readonly asked_at: number;
  /** Null while nothing was heard. */
  answered_at: number | null;
  /** Null where the answer was lost: it may have been done. */
  status: number | null;
  // deno-lint-ignore no-explicit-any -- invariants look at answers member by member
  answer: any;
  headers: Headers | null;
  /** What the clock of the node that answered showed: the least while it had the request. */
  clock: number | null;
}

/** What is to be known of a request before it is sent. */
export type Question = Pick<
  Asked,
  "actor" | "org" | "deed" | "method" | "path" | "body" | "credential" | "key"
>;

export class History {
  readonly asked: Asked[] = [];

  begin(question: Question, asked_at: number): Asked {
    const asked: Asked = {
      ...question,
      number: this.asked.length,
      asked_at,
      answered_at: null,
      status: null,
      answer: null,
      headers: null,
      clock: null,
    };
    this.asked.push(asked);
    return asked;
  }

  /** Those that were answered by success, of some deed. */
  done(org: string, ...deeds: string[]): Asked[] {
    return this.asked.filter((asked) =>
      asked.org === org && deeds.includes(asked.deed) && asked.status !== null && asked.status < 300
    );
  }
}
