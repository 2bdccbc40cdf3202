/** Why a request is denied, for a person to choose in one tap and an agent to act on. */
export const QUICK_REASONS = [
  "wrong_target",
  "wrong_amount",
  "not_now",
  "needs_discussion",
  "suspicious",
  "other",
] as const;

export type QuickReason = (typeof QUICK_REASONS)[number];

const TEXTS: Record<QuickReason, string> = {
  wrong_target: "Wrong target",
  wrong_amount: "Wrong amount",
  not_now: "Not now",
  needs_discussion: "Let us talk first",
  suspicious: "Looks suspicious",
  other: "Another reason",
};

/** The reason in words, as a button has it. */
export function quickReasonText(reason: QuickReason): string {
  return TEXTS[reason];
}
