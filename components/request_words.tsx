import type { AskedAgain } from "../lib/approvals/frozen_view.ts";
import type { JsonObject } from "../lib/json/json_value.ts";
import { Icon } from "./icon.tsx";
import { JsonView } from "./json_view.tsx";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

export interface RequestWordsProps {
  readonly reason: string;
  readonly context: JsonObject | null;
  readonly referenceId: string | null;
  readonly askedAgain: readonly AskedAgain[];
  readonly now: number;
}

/** What the requester wrote about its request, boxed: nobody has checked a word of it. */
export function RequestWords({ reason, context, referenceId, askedAgain, now }: RequestWordsProps) {
  return (
    <section class="unverified" aria-labelledby="unverified-title">
      <h2 id="unverified-title">
        <Icon name="agent" />
        The agent says (unverified)
      </h2>
      <blockquote>
        <UntrustedText text={reason} />
      </blockquote>
      {referenceId !== null && (
        <p class="quiet">
          Its reference: <UntrustedText text={referenceId} mono />
        </p>
      )}
      {context !== null && <JsonView value={context} />}
      {askedAgain.map((asking) => (
        <div key={asking.at} class="asked-again">
          <p class="quiet">
            Asked again <Time at={asking.at} now={now} />
          </p>
          <blockquote>
            <UntrustedText text={asking.reason} />
          </blockquote>
          {asking.reference_id !== null && (
            <p class="quiet">
              Its reference: <UntrustedText text={asking.reference_id} mono />
            </p>
          )}
          {asking.context !== null && <JsonView value={asking.context} />}
        </div>
      ))}
    </section>
  );
}
