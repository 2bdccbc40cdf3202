import type { Cancelled } from "../store/records/approval.ts";

/** Why a request was cancelled, as a clause behind "because". */
export const CANCELLED_WORDS: Readonly<Record<Cancelled, string>> = {
  withdrawn: "its requester withdrew it",
  tool_changed: "its tool was changed while it was open",
  rotated: "its agent was given a new token while it was open",
  levels_raised: "its tool needs two people by now, and one had approved",
  facts_required: "its tool requires a fact by now that the request lacks",
  decider_barred: "somebody who approved it may not decide it any more",
};

/** The same of a reason as an entry or a page carries it. */
export function cancelledWords(because: string | null): string {
  return because !== null && Object.hasOwn(CANCELLED_WORDS, because)
    ? CANCELLED_WORDS[because as Cancelled]
    : `of ${because ?? "an unknown reason"}`;
}
