import { POLICY_SENTENCES } from "../evidence/sentences.ts";
import { Telling, type Told } from "../evidence/telling.ts";
import { ACTION_SENTENCES } from "./action_sentences.ts";
import { GRANT_SENTENCES } from "./grant_sentences.ts";
import { IDENTITY_SENTENCES } from "./identity_sentences.ts";
import type { Names } from "./names.ts";
import { PEOPLE_SENTENCES } from "./people_sentences.ts";

const SENTENCES: Readonly<Record<string, (t: Telling) => string>> = {
  ...ACTION_SENTENCES,
  ...POLICY_SENTENCES,
  ...IDENTITY_SENTENCES,
  ...PEOPLE_SENTENCES,
  ...GRANT_SENTENCES,
};

/** The types of entries, in the order of a list to choose from. */
export const ENTRY_TYPES: readonly string[] = Object.keys(SENTENCES).sort();

/**
 * What an entry says, in one plain sentence without a full stop. Names, tools and external ids are
 * as others wrote them: a page shows hidden characters in it. Of a type that this version does not
 * know, who did what by its name.
 */
export function entrySentence(entry: Told, names: Names): string {
  const telling = new Telling(entry, names);
  const sentence = Object.hasOwn(SENTENCES, entry.type) ? SENTENCES[entry.type] : undefined;
  return sentence === undefined ? `${telling.Who}: ${entry.type}` : sentence(telling);
}
