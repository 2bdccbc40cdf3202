import { absoluteWords, remainingWords } from "../../components/time.tsx";
import type { AnyRefusal } from "../../lib/refusal.ts";
import { retryAfter, type SurfaceRefusal } from "../http/problem_document.ts";
import { type ProblemKind, PROBLEMS } from "../http/problems.ts";

/**
 * Refusals as a person in front of a page reads them. The table of problems speaks to programs: they
 * see headers, and read moments as RFC 3339 has them.
 */

/** A moment of RFC 3339 in UTC. */
const MOMENT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** What was refused and why, and what to do next. */
export function refusalWords(refusal: AnyRefusal | SurfaceRefusal): string {
  const advice = adviceToPerson(refusal);
  const why = refusalDetail(refusal);
  return advice === null ? why : `${why} ${advice}`;
}

/** What was refused and why. */
export function refusalDetail({ code, data }: AnyRefusal | SurfaceRefusal): string {
  const { detail } = PROBLEMS[code] as ProblemKind<unknown>;
  return detail(data).replaceAll(MOMENT, (moment) => absoluteWords(Date.parse(moment)));
}

/** What a person does next; null where that stands beside the fields that they filled in. */
export function adviceToPerson(refusal: AnyRefusal | SurfaceRefusal): string | null {
  if ("errors" in refusal.data) return null;
  const seconds = retryAfter(refusal);
  if (seconds === null) return PROBLEMS[refusal.code].advice.replaceAll("`", "");
  return `Try again in ${seconds === 1 ? "a moment" : remainingWords(seconds * 1000)}.`;
}
