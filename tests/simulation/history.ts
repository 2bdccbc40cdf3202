import type { JsonValue } from "../../lib/base/json.ts";
import type { Entry } from "../../lib/ledger/entry.ts";
import type { Mail } from "../../lib/deps.ts";
import type { AgentRecord, MemberRecord } from "../../lib/store/records/identity.ts";
import type { Card } from "./channel.ts";
import type { Message } from "./receiver.ts";
import type { Hearing } from "./hearer.ts";
import type { Offers } from "./offering.ts";
import type { Pushed } from "./push_service.ts";
import type { Presented } from "./token_server.ts";
import type { Ran } from "./tool_server.ts";

/** All that happened in a simulated world, in the order in which it did. */

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

/** A row about who acts was stored: by it the log's ids are those of people whom actors know. */
export type Stored =
  & { readonly is: "stored"; readonly org: string }
  & (
    | { readonly kind: "member"; readonly row: MemberRecord }
    | { readonly kind: "agent"; readonly row: AgentRecord }
  );

/** One thing that happened. */
export type Happening =
  /** An org is about to be made, of which promises are held from here on. */
  | { readonly is: "founded"; readonly org: string }
  /** Somebody asks: the request is on its way. */
  | { readonly is: "asked"; readonly org: string; readonly asked: Asked }
  /** Whoever asked has heard, or waits no longer: then its status is null. */
  | { readonly is: "answered"; readonly org: string; readonly asked: Asked }
  /** An entry is committed, heard of or not. */
  | {
    readonly is: "logged";
    readonly org: string;
    readonly entry: Entry;
    /** Milliseconds of the world's time. */
    readonly now: number;
  }
  | Stored
  /** A receiver outside got a message, whether or not it can say so. */
  | { readonly is: "received"; readonly org: string; readonly message: Message }
  /** A tool of a server of others ran. */
  | { readonly is: "ran"; readonly org: string; readonly run: Ran }
  /** A server of others offers something else from now on: its tools, and by what each is taken. */
  | { readonly is: "offers"; readonly org: string; readonly offers: Offers }
  /** Somebody is about to give a document of an API: by what each operation of it is taken. */
  | { readonly is: "given"; readonly org: string; readonly digests: ReadonlyMap<string, string> }
  /** A refresh token arrived at the authorization server. */
  | { readonly is: "presented"; readonly org: string; readonly presented: Presented }
  /** An access token arrived at a server that may take it. */
  | { readonly is: "shown"; readonly org: string; readonly access: string }
  /** A channel of people was sent a card, whether or not it can say so. */
  | { readonly is: "carded"; readonly org: string; readonly card: Card }
  /** The mail server took a letter, whether or not it can say so. It knows no orgs. */
  | {
    readonly is: "mailed";
    readonly org: null;
    readonly mail: Mail;
    readonly at: number;
    readonly isCalm: boolean;
  }
  /** The mail server was handed a letter, whatever became of it. */
  | { readonly is: "written"; readonly org: null; readonly mail: Mail }
  /** A push arrived at the service of an org's browsers. */
  | { readonly is: "pushed"; readonly org: string; readonly push: Pushed; readonly isCalm: boolean }
  /** A member of an org hears of requests, as they are set up before anything goes wrong. */
  | { readonly is: "hears"; readonly org: string; readonly hearer: Hearing }
  /** Time has passed. */
  | {
    readonly is: "passed";
    /** Of every org. */
    readonly org: null;
    /** Milliseconds of the world's time. */
    readonly now: number;
    /** Since when nothing goes wrong any more; null while things do. */
    readonly well_since: number | null;
    /** Whether nothing goes wrong with the deployment itself, nor did just now. */
    readonly isCalm: boolean;
  };

/** Hears of all that happens, as it does. */
export class History {
  /** How many requests there were. */
  #count = 0;
  listener: (happening: Happening) => void = () => {};

  begin(question: Question, asked_at: number): Asked {
    const asked: Asked = {
      ...question,
      number: this.#count++,
      asked_at,
      answered_at: null,
      status: null,
      answer: null,
      headers: null,
      clock: null,
    };
    this.happened({ is: "asked", org: question.org, asked });
    return asked;
  }

  happened(happening: Happening): void {
    this.listener(happening);
  }
}
