import { confusableMark } from "../lib/base/confusables.ts";
import type { JsonObject } from "../lib/base/json.ts";
import { markedArguments } from "../lib/sheet/arguments.ts";
import {
  CANCELLED_WORDS,
  quickReasonText,
  requestSentence,
  type SentenceFacts,
  shownView,
} from "../lib/sheet/sentence.ts";
import type { ApprovalSheet } from "../lib/sheet/sheet.ts";
import type { AskedAgain } from "../lib/store/records/approval.ts";
import { Badge } from "./badges.tsx";
import { Icon } from "./icon.tsx";
import { JsonView } from "./json_view.tsx";
import { Notice, Section } from "./layout.tsx";
import { RequestComparison, RequestReasons, RequestSteps } from "./request_parts.tsx";
import { Time } from "./time.tsx";
import { Name, UntrustedText } from "./untrusted.tsx";

/**
 * One request as its approver reads it: the sheet, the sentence, the arguments. What is shown here
 * is what is signed.
 */

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
      return "Expired: nobody decided in time. The agent can ask again.";
    case "lapsed":
      return "Approved, but not used in time. The agent has to ask again.";
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

/** What a request asks for, in one sentence of our own, with what was named by others marked. */
export function RequestSentence({ facts }: { readonly facts: SentenceFacts }) {
  const parts = requestSentence(facts);
  const marks = parts.flatMap(({ kind, text }) => {
    const mark = kind === "text" ? null : confusableMark(text);
    return mark === null ? [] : [mark];
  });
  return (
    <div class="request-sentence">
      <h1>
        {parts.map(({ kind, text }, index) => {
          if (kind === "text") return text;
          const { type } = facts.requester;
          return <Name key={index} kind={kind === "requester" ? type : kind} text={text} />;
        })}
      </h1>
      {marks.length > 0 && (
        <p class="badges">
          {marks.map((mark) => <Badge key={mark} tone="danger" icon="warning">{mark}</Badge>)}
        </p>
      )}
    </div>
  );
}

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

export interface RequestArgumentsProps {
  readonly args: JsonObject;
  /** The tool's parameter schema. */
  readonly schema: JsonObject | null;
  /** Places that differ from the last approved call, as pointers into the arguments. */
  readonly changed: readonly string[];
}

/** What the tool would be called with: every key and value, none cut. */
export function RequestArguments({ args, schema, changed }: RequestArgumentsProps) {
  if (Object.keys(args).length === 0) {
    return (
      <Section title="Arguments">
        <p class="quiet">The call has no arguments.</p>
      </Section>
    );
  }
  const outside = new Set(
    markedArguments(schema, args).flatMap(({ pointer, inSchema }) => inSchema ? [] : [pointer]),
  );
  // What lies within something outside of the schema need not say so again.
  const isOutermost = (pointer: string) =>
    outside.has(pointer) && !outside.has(pointer.slice(0, pointer.lastIndexOf("/")));
  const differing = new Set(changed);
  return (
    <Section
      title="Arguments"
      {...(schema === null
        ? { description: "The tool has no parameter schema: nobody said what these do." }
        : {})}
    >
      <JsonView
        value={args}
        schema={schema}
        isUnknown={(pointer) => schema !== null && isOutermost(pointer)}
        isChanged={(pointer) => differing.has(pointer)}
      />
    </Section>
  );
}
