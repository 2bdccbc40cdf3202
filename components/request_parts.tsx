import { cancelledWords } from "../lib/approvals/cancelled_words.ts";
import type { SheetStep } from "../lib/sheet/sheet.ts";
import type { Awaited } from "../lib/sheet/story.ts";
import { Countdown } from "./countdown.tsx";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon_paths.ts";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

const STEPS: Readonly<Record<string, { readonly words: string; readonly icon: IconName }>> = {
  requested: { words: "Requested", icon: "approvals" },
  asked_again: { words: "Asked again", icon: "repeat" },
  approved: { words: "Approved", icon: "check_circle" },
  denied: { words: "Denied", icon: "cross_circle" },
  expired: { words: "Expired", icon: "clock" },
  lapsed: { words: "Not used in time", icon: "clock" },
  revoked: { words: "Revoked", icon: "undo" },
  cancelled: { words: "Cancelled", icon: "minus_circle" },
  minted: { words: "Token minted", icon: "key" },
  token_expired: { words: "Token expired", icon: "clock" },
  token_revoked: { words: "Token void", icon: "ban" },
  consumed: { words: "Token consumed: it runs", icon: "bolt" },
  result: { words: "Result", icon: "activity" },
};

const AWAITED: Readonly<Record<Awaited["what"], string>> = {
  decision: "Waits for a decision:",
  mint: "Waits for the agent to mint its token:",
  consume: "Waits for the tool to consume it:",
  allowing: "Its run token is refused as things stand, and ends:",
  report: "Waits for the result:",
};

/** What happened to a request so far, and what it waits for. */
export function RequestSteps({ steps, awaits, now }: {
  readonly steps: readonly SheetStep[];
  readonly awaits: Awaited | null;
  readonly now: number;
}) {
  return (
    <ol class="strip" aria-label="What happened so far">
      {steps.map(({ what, at, who, note }, index) => {
        const { words, icon } = STEPS[what] ?? { words: what, icon: "info" as const };
        return (
          <li key={`${what} ${at} ${index}`} class={`strip-step strip-${what}`}>
            <Icon name={icon} />
            <div>
              <p class="strip-words">
                {words}
                {note !== null && (
                  <span>: {what === "cancelled" ? cancelledWords(note) : note}</span>
                )}
              </p>
              <p class="quiet small">
                {who !== null && (
                  <>
                    <UntrustedText text={who} />,{" "}
                  </>
                )}
                <Time at={at} now={now} />
              </p>
            </div>
          </li>
        );
      })}
      {awaits !== null && (
        <li class="strip-step strip-awaits">
          <Icon name="hourglass" />
          <Countdown
            until={awaits.until}
            now={now}
            label={AWAITED[awaits.what]}
            over="Time is up"
          />
        </li>
      )}
    </ol>
  );
}
