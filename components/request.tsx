import { CANCELLED_WORDS } from "../lib/approvals/cancelled_words.ts";
import { quickReasonText } from "../lib/approvals/quick_reasons.ts";
import { shownView } from "../lib/approvals/shown_view.ts";
import type { ApprovalSheet } from "../lib/sheet/sheet.ts";
import { Notice } from "./notice.tsx";
import { RequestArguments } from "./request_arguments.tsx";
import { RequestComparison } from "./request_comparison.tsx";
import { RequestSteps } from "./request_parts.tsx";
import { RequestReasons } from "./request_reasons.tsx";
import { RequestSentence } from "./request_sentence.tsx";
import { RequestWords } from "./request_words.tsx";
import { Section } from "./section.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

const ARGUMENTS = "/arguments";

/** Everything there is to know of a request, in the order in which it is decided on. */
export function RequestSheet({ sheet, now }: {
  readonly sheet: ApprovalSheet;
  readonly now: number;
}) {
  const { view, comparison, requester, state } = sheet;
  const shown = view === null ? null : shownView(view);
  const changed = comparison === null || comparison.same_action
    ? []
    : comparison.differences.flatMap(({ pointer }) =>
      pointer.startsWith(`${ARGUMENTS}/`) ? [pointer.slice(ARGUMENTS.length)] : []
    );
  return (
    <div class="request">
      <RequestSentence
        facts={{
          requester,
          tool: sheet.tool_name,
          resource: sheet.resource,
          tenant: sheet.tenant,
          method: sheet.method,
        }}
      />
      <Ending sheet={sheet} />
      {shown === null
        ? (
          <Section title="Arguments">
            <p class="quiet">
              They are not shown: your role does not include them, your account is on hold after a
              recovery, or they were erased.
            </p>
          </Section>
        )
        : (
          <>
            <RequestArguments
              args={shown.arguments}
              schema={shown.tool.parameters}
              changed={changed}
            />
            {state === "pending" && <RequestComparison comparison={comparison} now={now} />}
            <RequestReasons
              shown={shown}
              resolvedFrom={sheet.resolved_from}
              levels={sheet.levels}
              levelsSkipped={sheet.levels_skipped}
            />
          </>
        )}
      <RequestWords
        reason={sheet.reason}
        context={shown?.context ?? null}
        referenceId={shown?.reference_id ?? null}
        askedAgain={sheet.asked_again}
        now={now}
      />
      {shown !== null && (
        <p class="asked-counts">
          Asked for {times(sheet.asked)} by this requester, denied {times(sheet.denied)}.
        </p>
      )}
      <Section title="What happened">
        <RequestSteps steps={sheet.steps} awaits={sheet.awaits} now={now} />
      </Section>
    </div>
  );
}

/** Why nothing is to be decided any more, and what was said. */
function Ending({ sheet }: { readonly sheet: ApprovalSheet }) {
  const said = sheet.decisions.filter(({ note, quick_reason }) => note ?? quick_reason);
  const words = endingWords(sheet);
  return (
    <>
      {words !== null && <Notice tone="warning" live={false}>{words}</Notice>}
      {said.map(({ level, who, note, quick_reason }) => (
        <blockquote key={level} class="decision-note">
          <UntrustedText
            text={[quick_reason === null ? null : quickReasonText(quick_reason), note]
              .filter((part) =>
                part !== null
              ).join(": ")}
          />
          <footer>
            <UntrustedText text={who} />
          </footer>
        </blockquote>
      ))}
    </>
  );
}

function endingWords({ state, because }: ApprovalSheet): string | null {
  switch (state) {
    case "expired":
      return "Nobody decided in time, so it expired. The agent can ask again.";
    case "lapsed":
      return "It was approved and not used in time. The agent has to ask again.";
    case "cancelled":
      if (because === null) return null;
      return because === "withdrawn"
        ? "The requester withdrew it."
        : `It was cancelled, because ${CANCELLED_WORDS[because]}. The agent has to ask again.`;
    case "revoked":
      return "The approval was revoked before it was used.";
    default:
      return null;
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
