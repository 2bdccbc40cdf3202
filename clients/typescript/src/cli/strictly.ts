import type { Arguments } from "./command.ts";
import { WrongUse } from "./exit.ts";

/** What a command was given, by name. */
export interface Given {
  readonly values: Readonly<Record<string, unknown>>;
  readonly rest: readonly string[];
}

type Parsed = Readonly<Record<string, unknown>> & { readonly _: readonly string[] };

/**
 * What the parser lets pass is refused here: an option that there is not (`--dry-rum` must not
 * apply), a word too many, an option without its value, or with the next option for one.
 * @throws {WrongUse}
 */
export function strictly(parsed: Parsed, words: readonly string[], args: Arguments): Given {
  const end = words.indexOf("--");
  const rest = end === -1 ? [] : words.slice(end + 1);
  const options = Object.entries(args).filter(([, { type }]) => type !== "positional");
  const known = new Map(options);
  let wanted = Object.keys(args).length - options.length;
  const own = end === -1 ? words : words.slice(0, end);
  for (let at = 0; at < own.length; at++) {
    const word = own[at] ?? "";
    const [, no, name = "", value] = /^--(no-)?([^=]+)(?:=([^]*))?$/.exec(word) ?? [];
    if (word === "-" || !word.startsWith("-")) {
      if (wanted-- === 0) throw new WrongUse(`There is one word too many: ${JSON.stringify(word)}`);
      continue;
    }
    const option = known.get(name) ?? short(args, word);
    if (option === undefined || no !== undefined) {
      throw new WrongUse(`There is no option ${JSON.stringify(word.replace(/=[^]*/, ""))} here`);
    }
    if (option.type === "boolean") {
      if (value !== undefined) throw new WrongUse(`--${name} takes no value`);
      continue;
    }
    const given = value ?? own[++at] ?? "";
    if (given === "" || value === undefined && given.startsWith("--")) {
      throw new WrongUse(`${word} wants a value`);
    }
  }
  return { values: { ...parsed }, rest };
}

/** An option by its letter. */
function short(args: Arguments, word: string): Arguments[string] | undefined {
  return Object.values(args).find(({ type, ...one }) =>
    type !== "positional" && "alias" in one && word === `-${one.alias}`
  );
}
