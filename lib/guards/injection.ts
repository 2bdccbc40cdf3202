import type { FoundSpan, Looked } from "./findings.ts";
import { eachWord } from "./words.ts";

/**
 * Text that is worded as an order to a model to leave what it was told: "ignore all previous
 * instructions", in five languages, marks of chat templates, text that nobody sees. It finds what is
 * worded so and nothing else; a plain order is not told from what a tool is for. docs/guards.md has
 * the figures.
 */

/** A phrase: words in a row, each step one of several, with at most `gap` others between two steps. */
interface Phrase {
  readonly kind: string;
  readonly gap: number;
  readonly steps: readonly string[];
}

/** In the folded form of `foldedWord`, alternatives parted by blanks. */
const LEAVE = "ignore ignoring disregard disregarding forget override overrule bypass neglect drop";

const TOLD =
  "instruction instructions prompt prompts rule rules directive directives guideline guidelines " +
  "command commands policy policies constraint constraints restriction restrictions guardrail " +
  "guardrails safeguard safeguards programming training";

const EARLIER =
  "previous prior above earlier preceding foregoing former existing original initial system safety " +
  "past your";

const FREE =
  "unrestricted unfiltered uncensored jailbroken unlocked unbound dan developer root omnipotent evil";

const PHRASES: readonly Phrase[] = [
  { kind: "override", gap: 4, steps: [LEAVE, EARLIER, TOLD] },
  { kind: "override", gap: 1, steps: [LEAVE, "all any every", TOLD] },
  { kind: "override", gap: 0, steps: [LEAVE, "your", "previous prior earlier"] },
  {
    kind: "override",
    gap: 2,
    steps: [LEAVE, "everything anything all", "above before previously earlier told"],
  },
  {
    kind: "override",
    gap: 2,
    steps: ["forget ignore disregard", "everything all", "you", "told"],
  },
  {
    kind: "override",
    gap: 2,
    steps: ["new updated real actual", "system", "instructions prompt directive policy"],
  },
  {
    kind: "override",
    gap: 4,
    steps: ["before first", "you", "can must", "solve complete continue", "task request"],
  },
  {
    kind: "override",
    gap: 1,
    steps: [
      "supersedes overrides replaces cancels",
      "all any your",
      "previous prior earlier existing",
      `${TOLD} ones`,
    ],
  },
  {
    kind: "override",
    gap: 1,
    steps: ["ignore disregard", "user users", "task request instructions instead"],
  },
  {
    kind: "role",
    gap: 3,
    steps: ["you", "are", "now longer", `${FREE} bound restricted limited constrained`],
  },
  { kind: "role", gap: 3, steps: ["act behave respond answer roleplay pose", "as", FREE] },
  { kind: "role", gap: 6, steps: ["pretend imagine", "you", "no without", TOLD] },
  { kind: "role", gap: 2, steps: ["you", "have", "no", "restrictions limits limitations filters"] },
  {
    kind: "role",
    gap: 1,
    steps: [
      "developer debug god dan jailbreak sudo",
      "mode",
      "on enabled active activated unlocked",
    ],
  },
  {
    kind: "role",
    gap: 1,
    steps: ["enable activate enter switch", "developer debug god dan jailbreak", "mode"],
  },
  { kind: "role", gap: 0, steps: ["do", "anything", "now"] },
  {
    kind: "role",
    gap: 4,
    steps: [
      "respond answer reply operate comply act",
      "without no",
      "restrictions limits limitations filters filtering guardrails censorship safeguards",
    ],
  },
  {
    kind: "reveal",
    gap: 4,
    steps: [
      "reveal print show repeat output tell display leak dump recite disclose share",
      "system hidden initial developer secret",
      "prompt prompts instructions",
    ],
  },
  {
    kind: "conceal",
    gap: 2,
    steps: [
      "dont not never without",
      "tell inform mention notify telling informing mentioning alert alerting",
      "user users human operator",
    ],
  },
  {
    kind: "override",
    gap: 4,
    steps: [
      "ignoriere ignorier ignorieren missachte missachten vergiss vergesse vergessen ubergehe",
      "vorherigen vorherige bisherigen bisherige obigen fruheren vorigen vorangegangenen vorangehenden alle deine",
      "anweisungen anweisung instruktionen regeln vorgaben befehle systemprompt richtlinien",
    ],
  },
  {
    kind: "override",
    gap: 4,
    steps: [
      "ignora ignore ignorar olvida olvide descarta omite",
      "instrucciones reglas indicaciones ordenes directrices",
      "anteriores previas precedentes sistema iniciales",
    ],
  },
  {
    kind: "override",
    gap: 4,
    steps: [
      "ignore ignorez ignorer oublie oubliez neglige negligez",
      "instructions consignes directives regles",
      "precedentes anterieures dessus systeme initiales",
    ],
  },
  {
    kind: "override",
    gap: 4,
    steps: [
      "ignora ignorate ignorare dimentica dimenticate trascura scarta",
      "istruzioni regole direttive indicazioni comandi",
      "precedenti precedente sopra iniziali sistema",
    ],
  },
  {
    kind: "override",
    gap: 4,
    steps: [
      "ignora dimentica",
      "precedenti tutte",
      "istruzioni regole direttive indicazioni",
    ],
  },
];

/** For each word the steps that it takes: the last of a phrase first, so that none takes two. */
const STEPS: ReadonlyMap<string, readonly { readonly phrase: number; readonly step: number }[]> =
  (() => {
    const steps = new Map<string, { phrase: number; step: number }[]>();
    PHRASES.forEach((phrase, at) =>
      phrase.steps.forEach((words, step) => {
        for (const word of new Set(words.split(" "))) {
          steps.getOrInsertComputed(word, () => []).push({ phrase: at, step });
        }
      })
    );
    for (const list of steps.values()) list.sort((a, b) => b.step - a.step);
    return steps;
  })();

/** How far a phrase has come: the word that took its last step, and where it began. */
interface Progress {
  readonly word: number;
  readonly start: number;
}

/** Marks that templates of chats put around what a system says, and attacks copy. */
const MARKS =
  /<\|(?:im_start|im_end|system|start_header_id|end_header_id|eot_id|begin_of_text)\|>|\[\/?INST\]|<<\/?SYS>>|#{2,4} ?\(?system[ _](?:message|prompt|override)\)?|<\/?(?:INFORMATION|IMPORTANT|SYSTEM|system[_-]?(?:prompt|message|override))>/g;

/** Tag characters and further variation selectors, which nobody sees; a flag may have some. */
const HIDDEN = /\u{1f3f4}?[\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}]{4,}/gu;

const FLAG_UNITS = 16;

/** Where a text is worded as an injection. One reading: its time grows with the text and no faster. */
export function findInjection(text: string): Looked {
  const spans: FoundSpan[] = [];
  for (const match of text.matchAll(MARKS)) spans.push(spanOf(match, "mark"));
  for (const match of text.matchAll(HIDDEN)) {
    const isFlag = match[0].startsWith("\u{1f3f4}") && match[0].length <= FLAG_UNITS;
    if (!isFlag) spans.push(spanOf(match, "hidden_text"));
  }
  const reached: (Progress | undefined)[][] = PHRASES.map(() => []);
  let reads = 2 * text.length;
  let count = 0;
  eachWord(text, (word, start, end) => {
    count++;
    reads += end - start;
    for (const { phrase: at, step } of STEPS.get(word) ?? []) {
      reads++;
      const phrase = PHRASES[at];
      const progress = reached[at];
      if (phrase === undefined || progress === undefined) continue;
      const before = step === 0 ? { word: count - 1, start } : progress[step - 1];
      if (before === undefined || count - before.word - 1 > phrase.gap) continue;
      if (step < phrase.steps.length - 1) progress[step] = { word: count, start: before.start };
      else {
        spans.push({ start: before.start, end, kind: phrase.kind });
        progress.length = 0;
      }
    }
  });
  return { spans: apart(spans), reads };
}

function spanOf({ 0: found, index }: RegExpExecArray, kind: string): FoundSpan {
  return { start: index, end: index + found.length, kind };
}

/** In order; of two that overlap the first. */
function apart(spans: FoundSpan[]): FoundSpan[] {
  const kept: FoundSpan[] = [];
  for (const span of spans.sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (span.start >= (kept.at(-1)?.end ?? 0)) kept.push(span);
  }
  return kept;
}
