/**
 * Chance that a seed repeats, and what it makes of JSON: texts, numbers and bodies as they come, and
 * as nobody should send them.
 */

/** Random choices that follow from a seed (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** True in so many of a hundred cases. */
  percent(share: number): boolean {
    return this.next() * 100 < share;
  }

  pick<T>(all: readonly T[]): T {
    if (all.length === 0) throw new Error("There is nothing to choose from");
    return all[this.below(all.length)] as T;
  }
}

/** A member of a JSON object: its name, and its value as it stands in the text. */
export type Member = readonly [name: string, json: string];

/** A value's members, each as JSON. */
export function membersOf(value: Readonly<Record<string, unknown>>): Member[] {
  return Object.entries(value).flatMap(([name, part]) =>
    part === undefined ? [] : [[name, JSON.stringify(part)] as const]
  );
}

export function objectText(members: readonly Member[]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join()}}`;
}

/** Words in which the scrubber finds something, alone or side by side, and words that only look so. */
const WORDS = [
  ...["bearer", "token", "abc", "4111", "1111 1111", "4111 1111 1111 1111", "me@example.com"],
  ...["DE44", "5001 0517", "DE89 3704 0044 0532 0130 00", "password", "is", "=", ":", "hunter2"],
  ...["sk-", "abcdefghij0123456789", "--", "\n", ".", "+49", "30", "1234", "AKIAIOSFODNN7EXAMPLE"],
  ...["the", "health", "check", "://", "u:p", "https://u:p@example.com/a", "0171/", "2345678"],
  ...["-----BEGIN PRIVATE KEY-----", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", "secret", "api key"],
  ...["basic", "digest", "ü", "😀", '"', "\\", "\u0001", "\u200b", "\u202e", "ﬁ", "ghp_", "١٢٣٤"],
  ...["%40", "jane%40example.com", "(030)", "555-01", "cvv", "iban", "+1 (415) 555-2671", "€"],
];

/** A sentence of one to some ten such words. */
export function sentence(chance: Chance): string {
  let text = "";
  for (let words = 1 + chance.below(10); words > 0; words--) {
    text += chance.pick(WORDS) + (chance.percent(65) ? " " : "");
  }
  return text;
}

const ODD_TEXTS = [
  ...["", " ", " a", "a ", "a b", "tab\there", "\u0000", "\u200b", "a\u202eb", "é", "e\u0301"],
  ...["😀", "*", "?", "a|b", "..", ".", "a/../b", "a//b", "/a", "null", "__proto__", "constructor"],
  ...["<b>", "%2e", "jane@example.com", "\u2800", "\ue000", "\ufeff", "a\u2028b", "x".repeat(129)],
  ...["x".repeat(2001), "ACME", "acme ", "Acme", "íd", "ﬁ", "\u00ad", "1", "-", "true"],
];

export function oddText(chance: Chance): string {
  return chance.percent(80) ? chance.pick(ODD_TEXTS) : sentence(chance);
}

const ODD_NUMBERS = [
  ...["0", "-0", "1", "1.0", "1e2", "1E400", "1e-400", "9007199254740991", "9007199254740992"],
  ...["9007199254740993", "-9007199254740993", "0.1", "0.30000000000000004", "4.35", "1e21"],
  ...["123456789012345678901234567890", "01", "+1", ".5", "1.", "NaN", "Infinity", "1e-7", "-"],
  ...["5e-324", "2.2250738585072011e-308", "0.1000000000000000055511151231257827", "1e23", "0e0"],
];

/** A value, or what is none, as it stands in a text. */
export function oddJson(chance: Chance): string {
  return chance.pick<() => string>([
    () => chance.pick(ODD_NUMBERS),
    () => JSON.stringify(oddText(chance)),
    () =>
      chance.pick(["null", "true", "false", "[]", "{}", '["a"]', '{"a":1}', "undefined", "'a'"]),
    () => chance.pick(['"\\ud800"', '"\\udc00a"', '"\\u0000"', '"\\x"', '"a', '"\\ud83d\\ude00"']),
    () => nested(29 + chance.below(8)),
    () => objectText(oddMembers(chance, 2)),
  ])();
}

/** Arrays in one another. */
function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

/** Names whose order in canonical JSON is easily got wrong, and names that mean something. */
const NAMES = [
  ...["a", "b", "1", "10", "2", "é", "\u20ac", "\r", "😀", "\ufb33", "__proto__", "toString"],
  ...["password", "email", "amount", "note", "to", "count", "id", "A", "", "a b", "card_number"],
];

/** Members of a call's arguments; most are what programs send. */
export function oddMembers(chance: Chance, depth = 0): Member[] {
  const from = chance.below(NAMES.length);
  return Array.from({ length: chance.below(5) }, (_, i) => {
    // No name twice: that is one of the things that are amiss with a body.
    const name = NAMES[(from + 3 * i) % NAMES.length] ?? "";
    const json = chance.pick<() => string>([
      () => JSON.stringify(sentence(chance)),
      () => JSON.stringify(sentence(chance)),
      () => String(chance.below(1000) / 8),
      () => chance.pick(["true", "false", "null", "[1,2,3]", '{"z":1,"a":[{"y":2,"b":"x"}]}']),
      () => depth < 3 ? objectText(oddMembers(chance, depth + 1)) : "[]",
      () => chance.percent(12) ? oddJson(chance) : "0.25",
    ])();
    return [name, json] as const;
  });
}

/** A body with something amiss, or only unusual. */
export function oddBody(chance: Chance, members: readonly Member[]): string {
  const at = chance.below(members.length);
  const [name, json] = members[at] ?? ["a", "1"];
  const text = () => objectText(members);
  return chance.pick<() => string>([
    () => objectText(members.toSpliced(at, 1)),
    () => objectText(members.toSpliced(at, 1)),
    () => objectText(members.toSpliced(at, 1, [name, oddJson(chance)])),
    () => objectText(members.toSpliced(at, 1, [name, oddJson(chance)])),
    () => objectText(members.toSpliced(at, 1, [name, JSON.stringify(oddText(chance))])),
    () => objectText([...members, [chance.pick(NAMES), oddJson(chance)]]),
    () => objectText([...members, [name, chance.percent(50) ? json : oddJson(chance)]]),
    () => objectText(members.toReversed()),
    () => text().slice(0, chance.below(text().length)),
    () =>
      text().replace(/\}$/, chance.pick([",}", "}}", "} x", "]", " \n\t}", "}\u0000", "/**/}"])),
    () => chance.pick(["\ufeff", " ", "\n", "\v", "x", "["]) + text(),
    () => text().replaceAll(":", chance.pick([" : ", ":\t", "::", "="])),
    () => chance.pick(["", "null", "[]", "{}", '"text"', "1", "{", "nul", "[{}]", "\u0000"]),
    () => objectText([...members, ["reason", JSON.stringify("r".repeat(1990 + chance.below(20)))]]),
    () => objectText([["arguments", big(32 * 1024 - 20 + chance.below(40))], ...members.slice(1)]),
    () => text().slice(0, -1) + " ".repeat(chance.pick([1, 300 * 1024])) + "}",
  ])();
}

/** Arguments of about so many bytes. */
function big(bytes: number): string {
  return JSON.stringify({ text: "b".repeat(bytes - 11) });
}
