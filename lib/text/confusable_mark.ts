import { codePointText } from "../base/confusables.ts";

/**
 * Letters of other scripts that most fonts draw like a letter of ASCII, as pairs. Not every one that
 * Unicode's confusables list, but those by which a name in whole words can be imitated.
 */
const CYRILLIC = "аaсcеeоoрpхxуyіiјjѕsԁdһhԛqԝwӏlАAВBЕEКKМMНHОOРPСCТTХXУYЅSІIЈJԚQԜW";

const GREEK = "οoνvαaρpιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXϹCϲcϳjϻm";

const TWINS: ReadonlyMap<string, string> = new Map(
  [...pairs(CYRILLIC), ...pairs(GREEK)],
);

/** A letter or digit beyond ASCII; not `²`, which is neither and seen as what it is. */
const DISGUISE = /[[\p{L}\p{Nd}]--[A-Za-z0-9]]/v;

const SCRIPTS = [
  { name: "Cyrillic", letter: /\p{Script=Cyrillic}/u },
  { name: "Greek", letter: /\p{Script=Greek}/u },
] as const;

/**
 * Why an id or a name can be taken for another one, to be shown beside it; null when nothing is
 * suspicious. Marked are Latin letters beside Cyrillic or Greek ones, a text of those alone in which
 * every letter has a Latin twin, and letters or digits in disguise (full-width, mathematical, …).
 * A mark accuses nobody: `μ-service` has one too.
 */
export function confusableMark(text: string): string | null {
  for (const character of text) {
    if (!DISGUISE.test(character)) continue;
    const plain = character.normalize("NFKC");
    if (/^[A-Za-z0-9]$/.test(plain)) return looksLike(character, null, plain);
  }
  const latin = /\p{Script=Latin}/u.test(text);
  for (const { name, letter } of SCRIPTS) {
    const letters = [...text].filter((character) => letter.test(character));
    const [first] = letters;
    if (first === undefined) continue;
    const imitating = letters.find((character) => TWINS.has(character));
    if (latin) {
      return imitating === undefined
        ? `Mixes Latin letters with ${name} ones such as “${first}” (${numberOf(first)})`
        : looksLike(imitating, name, TWINS.get(imitating) ?? "");
    }
    if (imitating !== undefined && letters.every((character) => TWINS.has(character))) {
      const twin = [...text].map((character) => TWINS.get(character) ?? character).join("");
      return `Is written in ${name} letters that look like the Latin “${twin}”`;
    }
  }
  return null;
}

function looksLike(character: string, script: string | null, twin: string): string {
  const kind = script === null ? "" : `, ${script}`;
  return `“${character}” (${numberOf(character)}${kind}) looks like “${twin}”`;
}

function numberOf(character: string): string {
  return codePointText(character.codePointAt(0) ?? 0);
}

function pairs(text: string): [string, string][] {
  const characters = [...text];
  return characters.flatMap((character, at) =>
    at % 2 === 0 ? [[character, characters[at + 1] ?? ""] as [string, string]] : []
  );
}
