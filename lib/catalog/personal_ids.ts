import { looksLikeEmail } from "../json/external_text.ts";
import { type InputProblem, Refusal } from "../refusals/refusal.ts";

/** External ids by the JSON pointer of the member that gave them; null and absent ones have none. */
export type GivenIds = Readonly<Record<string, string | null | undefined>>;

/**
 * What is wrong with the external ids of tenants and resources in an org: they stay in the audit
 * log for ever, so one that looks like an e-mail address is refused unless the org allows it.
 */
export function personalIdProblems(
  org: { readonly allow_personal_ids: boolean },
  given: GivenIds,
): InputProblem[] {
  if (org.allow_personal_ids) return [];
  return Object.entries(given).flatMap(([path, id]) =>
    typeof id === "string" && looksLikeEmail(id)
      ? [{
        path,
        message: "looks like an e-mail address; ids stay in the audit log, so they must not be " +
          "personal: use an id of your own instead",
      }]
      : []
  );
}

/** @throws {Refusal} invalid_request naming each id that looks personal */
export function assertNoPersonalIds(
  org: { readonly allow_personal_ids: boolean },
  given: GivenIds,
): void {
  const errors = personalIdProblems(org, given);
  if (errors.length > 0) throw new Refusal("invalid_request", { errors });
}
