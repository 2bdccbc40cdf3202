import type { Action } from "../base/action.ts";
import { looksLikeEmail } from "../base/text.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import { CARD_HINT, findCards } from "../scrub/card.ts";
import { findPhones } from "../scrub/phone.ts";
import { Scan } from "../scrub/scan.ts";

/**
 * Names and ids that look personal. They would stay in the audit log for ever, so an org takes none
 * unless it says so; of a caller's own reference, which cannot be refused, the log shows a digest.
 */

/** External ids by the JSON pointer of the member that gave them; null and absent ones have none. */
export type GivenIds = Readonly<Record<string, string | null | undefined>>;

/**
 * What every personal shape has one of. Ids without it, which are nearly all, cost a check this one
 * look; plain digits among them, which are ids more often than anything else.
 */
const SUSPECT = /[@+%]|\d[ .-]|[^\x20-\x7e]/;

/** Written so in a path. */
const ESCAPED: Readonly<Record<string, string>> = { "%40": "@", "%2b": "+", "%20": " " };

const DASH = /[\u2010-\u2015\u2212]/g;

/** A number with its `+`, cut out of what an id has around it; not the build of a version. */
const WITH_PLUS = /(?<!\d)\+ ?\(?\d[\d ().-]*\d/g;

/** A social security number of the United States, as it is written. */
const SOCIAL_SECURITY = /(?<!\d|\d[ .-])\d{3}-\d{2}-\d{4}(?!\d|[ .-]\d)/;

/**
 * What personal data an id has the shape of, with its article; null for none. A phone counts with its
 * `+`, a card with what stands between its digits: bare digits are an id like any other.
 */
export function personalShape(id: string): string | null {
  if (!SUSPECT.test(id)) return null;
  if (looksLikeEmail(id)) return "an e-mail address";
  const plain = id.normalize("NFKC").replace(DASH, "-")
    .replace(/%(?:40|2b|20)/gi, (code) => ESCAPED[code.toLowerCase()] ?? code);
  for (const [number] of plain.matchAll(WITH_PLUS)) {
    const digits = number.replace(/\D/g, "").length;
    // One that stands alone has the shape whether or not a plan of numbers gives it out, as those of
    // films and examples; with something around it, it has to be one that can be dialled.
    const isAlone = number === plain && digits >= 7 && digits <= 15;
    if (isAlone || findPhones(new Scan(number)).length > 0) return "a telephone number";
  }
  if (SOCIAL_SECURITY.test(plain)) return "a social security number";
  if (!CARD_HINT.test(plain)) return null;
  const cards = findCards(new Scan(plain));
  return cards.some(({ start, end }) => /[ .-]/.test(plain.slice(start, end)))
    ? "a payment card's number"
    : null;
}

/** What an action is called by, by the members that name it. */
export function idsOfAction(
  { tool, method, tenant, resource }: Omit<Action, "arguments">,
): GivenIds {
  return {
    "/tool_name": tool,
    "/method": method,
    "/tenant_id": tenant,
    "/resource_id": resource,
  };
}

/**
 * What is wrong with the names and external ids that an org is given: they stay in the audit log for
 * ever, so one that looks personal is refused unless the org allows it.
 */
export function personalIdProblems(
  org: { readonly allow_personal_ids: boolean },
  given: GivenIds,
): InputProblem[] {
  if (org.allow_personal_ids) return [];
  const problems: InputProblem[] = [];
  for (const path in given) {
    const id = given[path];
    const shape = typeof id === "string" ? personalShape(id) : null;
    if (shape === null) continue;
    const message = `looks like ${shape}; ids stay in the audit log, so they must not be ` +
      "personal: use an id of your own instead";
    problems.push({ path, message });
  }
  return problems;
}

/** @throws {Refusal} invalid_request naming each id that looks personal */
export function assertNoPersonalIds(
  org: { readonly allow_personal_ids: boolean },
  given: GivenIds,
): void {
  const errors = personalIdProblems(org, given);
  if (errors.length > 0) throw new Refusal("invalid_request", { errors });
}

/** A caller's own reference as an entry has it. */
export interface SplitReference {
  /** For the leaf; null where that shows a digest. */
  readonly shown: string | null;
  /** For the private part. */
  readonly hidden: { readonly reference_id?: string };
}

/**
 * Splits a caller's own reference: never refused, since it names a record of theirs that they cannot
 * rename, one that looks personal is kept where it can be erased.
 */
export function splitReference(reference_id: string | null): SplitReference {
  return reference_id === null || personalShape(reference_id) === null
    ? { shown: reference_id, hidden: {} }
    : { shown: null, hidden: { reference_id } };
}
