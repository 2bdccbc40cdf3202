import { detectionCopy } from "../scrub/scan.ts";
import type { FoundSpan, Looked } from "./findings.ts";
import { eachWord } from "./words.ts";

/**
 * Words and phrases that the owner lists, in whatever language: whole words in any case. A word of a
 * script that puts no blanks between words is found inside of a text.
 */

/** Scripts without blanks between words: what is listed in them is looked for as it stands. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

interface Topics {
  /** Phrases by their first word, each as its words. */
  readonly phrases: ReadonlyMap<string, readonly (readonly string[])[]>;
  readonly unspaced: readonly string[];
}

/** By the list as the record holds it, which never changes. */
const COMPILED = new WeakMap<readonly string[], Topics>();

function compiled(words: readonly string[]): Topics {
  const phrases = new Map<string, string[][]>();
  const unspaced: string[] = [];
  for (const entry of words) {
    if (UNSPACED.test(entry)) {
      unspaced.push(detectionCopy(entry, []).text);
      continue;
    }
    const phrase: string[] = [];
    eachWord(entry, (word) => phrase.push(word));
    const [first] = phrase;
    if (first === undefined) continue;
    phrases.getOrInsertComputed(first, () => []).push(phrase);
  }
  return { phrases, unspaced };
}

/** Where a text speaks of one of the topics. What it takes grows with the text, and with the list. */
export function findTopics(text: string, words: readonly string[]): Looked {
  let topics = COMPILED.get(words);
  if (topics === undefined) COMPILED.set(words, topics = compiled(words));
  const { phrases, unspaced } = topics;
  const spans: FoundSpan[] = [];
  let reads = text.length;
  /** Phrases that have begun, each as what is still to come of it: no more than are listed. */
  let open: { readonly rest: readonly string[]; readonly start: number }[] = [];
  const tell = (word: string, start: number, end: number) => {
    const begun = (phrases.get(word) ?? []).map((phrase) => ({ rest: phrase, start }));
    const next: typeof open = [];
    for (const { rest: [due, ...rest], start } of [...open, ...begun]) {
      reads++;
      if (due !== word) continue;
      if (rest.length === 0) spans.push({ start, end, kind: "topic" });
      else next.push({ rest, start });
    }
    open = next;
  };
  if (phrases.size > 0) eachWord(text, tell);
  if (unspaced.length > 0) {
    const copy = detectionCopy(text, []);
    for (const word of unspaced) {
      reads += copy.text.length;
      for (let at = copy.text.indexOf(word); at >= 0; at = copy.text.indexOf(word, at + 1)) {
        const end = copy.endOf(at + word.length - 1);
        spans.push({ start: copy.startOf(at), end, kind: "topic" });
      }
    }
  }
  return { spans: spans.sort((a, b) => a.start - b.start), reads };
}
