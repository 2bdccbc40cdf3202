import { lookOf } from "./confusables.ts";
import { externalIdProblem } from "./text.ts";

/**
 * What people call themselves, and how that is read. Whoever chose a name may have chosen another's:
 * the address, which an organization invited, always stands beside it.
 */

/** A person as others read of them. */
export interface NamedPerson {
  readonly email: string;
  /** What they call themselves; null where they have not said. */
  readonly name: string | null;
}

/** Most characters of a name, a space and a mark counted as one each. */
export const MAX_PERSON_NAME = 60;

/** Letters and digits of any script, and what stands within and between names. */
const FORM = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} .,'’·-]*$/u;

/** Marks on one letter: more of them than any script needs run over the lines around. */
const PILED_UP = /\p{M}{4}/u;

/**
 * Why a person cannot be called so, or null. No brackets, quotation marks or at signs: in a sentence
 * the address follows in brackets, and no name can close them or look like one.
 */
export function personNameProblem(name: string): string | null {
  const hidden = externalIdProblem(name);
  if (hidden !== null) return hidden;
  if ([...name].length > MAX_PERSON_NAME) return `has at most ${MAX_PERSON_NAME} characters`;
  if (!FORM.test(name) || PILED_UP.test(name) || name.includes("  ")) {
    return "may have letters, digits, single spaces and . , ' - only, and begins with a letter";
  }
  return null;
}

/** Whether a name looks like the name or the address of somebody else. */
export function isTakenForAnother(name: string, others: Iterable<NamedPerson>): boolean {
  const look = lookOf(name);
  for (const { name: other, email } of others) {
    const [local = ""] = email.split("@");
    if ([other ?? "", email, local].some((text) => lookOf(text) === look)) return true;
  }
  return false;
}

/** A person in a line of text: `Ann Lee (ann@example.com)`, or the address alone. */
export function personWords({ name, email }: NamedPerson): string {
  return name === null ? email : `${name} (${email})`;
}
