import type { JsonObject } from "../base/json.ts";
import { findKinds } from "../scrub/scrub.ts";
import type { AfterGuard, Finding } from "../store/records/guards.ts";
import { Findings, type FoundSpan } from "./findings.ts";
import { findInjection } from "./injection.ts";
import { type Visitor, withStrings } from "./json_strings.ts";
import { type Piece, piecesOf, withPlaceholdersIn, type WrittenText } from "./long_text.ts";
import { findTopics } from "./topics.ts";

/**
 * What the guards of a tool make of what its upstream answered: one walk over text, structured
 * content, the names of its members, resources and errors, so that no copy is left that another lost.
 * Pictures, sounds and files stay byte for byte.
 */

/** How often something of a kind was replaced. */
export interface Redaction {
  readonly kind: string;
  readonly count: number;
}

/** Why a result is withheld although it is there. */
export interface Withheld {
  readonly guard: AfterGuard["kind"];
  readonly kind: string;
}

/** What guards found in an answer, and did about it. */
export interface AnswerLook {
  readonly findings: readonly Finding[];
  readonly redactions: readonly Redaction[];
  readonly withheld: Withheld | null;
}

export const LOOKED_AT_NOTHING: AnswerLook = { findings: [], redactions: [], withheld: null };

/** How much is read before others get their turn, characters: some 20 ms of a hostile text. */
const STEP = 16 * 1024;

/** What a text costs besides its characters, counted as some: an answer can have very many short ones. */
const EACH = 64;

/** How much of a long text is read twice, so that nothing shorter lies across two readings. */
const OVERLAP = 4 * 1024;

/**
 * What is replaced can uncover what stands beside it, so a text is read again. One that gives more
 * after this many readings was built to.
 */
const MAX_READINGS = 8;

const SECRET = "[secret]";

interface GuardSpan extends FoundSpan {
  readonly guard: AfterGuard;
}

/** Looks at the texts of one answer, replaces what is to be replaced, and counts. */
export class AnswerGuard {
  readonly #guards: readonly AfterGuard[];
  readonly #findings = new Findings();
  readonly #redacted = new Map<string, number>();
  #withheld: Withheld | null = null;
  #sinceTurn = 0;

  constructor(guards: readonly AfterGuard[]) {
    this.#guards = guards.filter(({ mode }) => mode !== "off");
  }

  /** What was found until now. */
  looked(): AnswerLook {
    return {
      findings: this.#findings.list(),
      redactions: [...this.#redacted].map(([kind, count]) => ({ kind, count })),
      withheld: this.#withheld,
    };
  }

  /** A text as it may leave. Each `yield` is a place to let others have their turn. */
  *text(text: string, pointer: string): Generator<void, string> {
    return yield* this.#look(text, pointer, this.#guards);
  }

  /** JSON as it may leave: the same bytes where nothing is replaced. */
  *json(
    json: Uint8Array<ArrayBuffer>,
    at: string,
    isContent = false,
  ): Generator<void, Uint8Array<ArrayBuffer>> {
    return yield* withStrings(json, at, this.#visit, isContent ? [] : null);
  }

  /** Values as they may leave. */
  *values(values: JsonObject, at: string): Generator<void, JsonObject> {
    const json = new TextEncoder().encode(JSON.stringify(values));
    const next = yield* this.json(json, at);
    return next === json ? values : JSON.parse(new TextDecoder().decode(next));
  }

  readonly #visit: Visitor = {
    text: (text, { pointer, is_number }) =>
      this.#look(text, pointer, is_number ? this.#guards.filter(readsNumbers) : this.#guards),
    long: (written, { pointer }) => this.#lookLong(written, pointer),
  };

  *#look(
    source: string,
    pointer: string,
    guards: readonly AfterGuard[],
  ): Generator<void, string> {
    let text = source;
    let looking = guards;
    for (let readings = 1; looking.length > 0; readings++) {
      const replaced = this.#note(yield* this.#spans(pieces(text), looking), pointer);
      if (replaced.length === 0) return text;
      if (readings === MAX_READINGS) return SECRET;
      text = withPlaceholders(text, replaced);
      looking = guards.filter(({ mode }) => mode === "redact");
    }
    return text;
  }

  *#lookLong(source: WrittenText, pointer: string): Generator<void, WrittenText> {
    let written = source;
    let looking = this.#guards;
    for (let readings = 1; looking.length > 0; readings++) {
      const found = yield* this.#spans(piecesOf(written, OVERLAP), looking);
      const replaced = this.#note(found, pointer);
      if (replaced.length === 0) return written;
      if (readings === MAX_READINGS) return [new TextEncoder().encode(SECRET)];
      written = withPlaceholdersIn(
        written,
        replaced.map((span) => ({ ...span, text: placeholderOf(span) })),
      );
      looking = this.#guards.filter(({ mode }) => mode === "redact");
    }
    return written;
  }

  /** Counts what was found; which of it is to be replaced. */
  #note(spans: readonly GuardSpan[], pointer: string): GuardSpan[] {
    const replaced: GuardSpan[] = [];
    for (const span of spans) {
      const { guard, kind } = span;
      this.#findings.add(guard.kind, kind, pointer);
      if (guard.mode === "block") this.#withheld ??= { guard: guard.kind, kind };
      if (guard.mode !== "redact") continue;
      replaced.push(span);
      const name = redactionOf(span);
      this.#redacted.set(name, (this.#redacted.get(name) ?? 0) + 1);
    }
    return replaced;
  }

  /** What guards find in the pieces of a text. */
  *#spans(
    pieces: Iterable<Piece>,
    guards: readonly AfterGuard[],
  ): Generator<void, GuardSpan[]> {
    const found: GuardSpan[] = [];
    for (const { text, from } of pieces) {
      this.#sinceTurn += text.length + EACH;
      if (this.#sinceTurn > STEP) {
        this.#sinceTurn = 0;
        yield;
      }
      for (const guard of guards) {
        for (const { start, end, kind } of spansOf(guard, text)) {
          found.push({ start: from + start, end: from + end, kind, guard });
        }
      }
    }
    return onceEach(found);
  }
}

/** A text in pieces that overlap, or the whole where it is short. */
function* pieces(text: string): Generator<Piece> {
  for (let from = 0;; from += STEP - OVERLAP) {
    yield { text: text.slice(from, from + STEP), from };
    if (from + STEP >= text.length) return;
  }
}

function spansOf(guard: AfterGuard, text: string): readonly FoundSpan[] {
  switch (guard.kind) {
    case "credentials":
      return findKinds(text, ["credential"]).spans;
    case "personal_data":
      return findKinds(text, guard.kinds).spans;
    case "injection":
      return findInjection(text).spans;
    case "topics":
      return findTopics(text, guard.words).spans;
  }
}

function readsNumbers(guard: AfterGuard): boolean {
  return guard.kind === "personal_data" && guard.kinds.includes("card");
}

/** In order; what a guard found twice, where two pieces overlap, once and whole. */
function onceEach(spans: readonly GuardSpan[]): GuardSpan[] {
  const kept: GuardSpan[] = [];
  const last = new Map<AfterGuard, number>();
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const at = last.get(span.guard);
    const before = at === undefined ? undefined : kept[at];
    if (at !== undefined && before !== undefined && span.start < before.end) {
      kept[at] = { ...before, end: Math.max(before.end, span.end) };
    } else {
      last.set(span.guard, kept.length);
      kept.push(span);
    }
  }
  return kept;
}

/** What an answer calls something that was replaced. */
function redactionOf({ guard, kind }: GuardSpan): string {
  return guard.kind === "injection" ? "instruction" : kind;
}

function placeholderOf(span: GuardSpan): string {
  const name = redactionOf(span);
  return name === "credential" ? SECRET : `[${name}]`;
}

/** The text with something in place of each stretch; of two that overlap the first names both. */
function withPlaceholders(text: string, spans: readonly GuardSpan[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const span of spans) {
    if (span.end <= at) continue;
    if (span.start >= at) {
      parts.push(text.slice(at, span.start), placeholderOf(span));
    }
    at = span.end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

/** Does work without giving anybody else their turn: for what is known to be short. */
export function atOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
