import { useMemo } from "preact/hooks";
import { confusableMark } from "../lib/base/confusables.ts";
import type { JsonObject } from "../lib/base/json.ts";
import { type ArgumentDifference, readingOf } from "../lib/sheet/arguments.ts";
import { addressWith, requestOf } from "../lib/openapi/request.ts";
import {
  requestSentence,
  type SentenceFacts,
  type ShownOperation,
  shownView,
} from "../lib/sheet/sentence.ts";
import type { ApprovalSheet, SheetComparison } from "../lib/sheet/sheet.ts";
import type { NamedRequester } from "../lib/sheet/row.ts";
import type { AskedAgain } from "../lib/store/records/approval.ts";
import { Badge, DangerChips } from "./badges.tsx";
import { JsonView } from "./json_view.tsx";
import { Notice, Section } from "./layout.tsx";
import { RequestRail } from "./request_parts.tsx";
import { Time } from "./time.tsx";
import { MachineName, Name, UntrustedText } from "./untrusted.tsx";
import { ReadingContext, TextViewer } from "./value_viewer.tsx";

/**
 * One request as its approver reads it: the sheet, the sentence, the arguments. What is shown here
 * is what is signed.
 */

/** Everything there is to know of a request, in the order in which it is decided on. */
export function RequestSheet({ sheet, now }: {
  readonly sheet: ApprovalSheet;
  readonly now: number;
}) {
  const { view, comparison, requester } = sheet;
  const shown = view === null ? null : shownView(view);
  const isLong = [...sheet.reason].length > SHORT_REASON;
  return (
    <div class="request">
      <div class="request-main">
        <div class="request-lead">
          <RequestSentence
            facts={{
              requester,
              tool: sheet.tool_name,
              resource: sheet.resource,
              tenant: sheet.tenant,
              method: sheet.method,
            }}
          />
          {sheet.dangers !== null && (
            <div class="request-dangers" role="group" aria-label="Danger">
              <DangerChips dangers={sheet.dangers} />
            </div>
          )}
          {!isLong && <Reason sheet={sheet} now={now} />}
        </div>
        {shown === null
          ? (
            <Section title="Arguments">
              <p class="quiet">
                Not shown: your role can't see arguments, your account is on hold after a recovery,
                or they were erased.
              </p>
            </Section>
          )
          : (
            <RequestArguments
              args={shown.arguments}
              schema={shown.tool.parameters}
              comparison={comparison}
            />
          )}
        {shown?.tool.upstream?.operation != null && (
          <RequestSent operation={shown.tool.upstream.operation} args={shown.arguments} />
        )}
        <RequestWords
          reason={isLong ? sheet.reason : null}
          requester={requester}
          context={shown?.context ?? null}
          referenceId={shown?.reference_id ?? null}
          askedAgain={sheet.asked_again}
          now={now}
        />
      </div>
      <RequestRail sheet={sheet} shown={shown} now={now} />
    </div>
  );
}

/** A longer reason stands below the arguments: nobody pushes them off the screen by talking. */
const SHORT_REASON = 280;

/** Why it was asked, in the requester's words, which nobody has checked. */
function Reason({ sheet, now }: { readonly sheet: ApprovalSheet; readonly now: number }) {
  return (
    <blockquote class="request-reason">
      <UntrustedText text={sheet.reason} />
      <footer>
        <MachineName {...sheet.requester} /> says so. Not verified.{" "}
        <Time at={sheet.created_at} now={now} show="relative" />
      </footer>
    </blockquote>
  );
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

interface RequestWordsProps {
  /** Null where it stands above. */
  readonly reason: string | null;
  readonly requester: NamedRequester;
  readonly context: JsonObject | null;
  readonly referenceId: string | null;
  readonly askedAgain: readonly AskedAgain[];
  readonly now: number;
}

/** What else the requester wrote about its request: nobody has checked a word of it. */
function RequestWords(props: RequestWordsProps) {
  const { reason, requester, context, referenceId, askedAgain, now } = props;
  if (reason === null && context === null && referenceId === null && askedAgain.length === 0) {
    return null;
  }
  return (
    <section class="unverified" aria-labelledby="unverified-title">
      <h2 id="unverified-title">
        {reason === null ? "More from " : "From "}
        <MachineName {...requester} />
        {" (not verified)"}
      </h2>
      {reason !== null && (
        <blockquote>
          <UntrustedText text={reason} />
        </blockquote>
      )}
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
  /** In what the call differs from the last approved one. */
  readonly comparison: SheetComparison | null;
}

/** What the tool would be called with: every key and value, none cut. */
export function RequestArguments({ args, schema, comparison }: RequestArgumentsProps) {
  // The page is rendered anew each second, and what is compared here does not change with time.
  return useMemo(() => {
    if (Object.keys(args).length === 0) {
      return (
        <Section title="Arguments">
          <p class="quiet">The call has no arguments.</p>
        </Section>
      );
    }
    const reading = readingOf(schema, args, argumentDifferences(comparison));
    return (
      <Section
        title="Arguments"
        {...(reading.described ? {} : { description: "The tool describes no arguments." })}
      >
        <JsonView value={args} reading={reading} id="arguments" />
      </Section>
    );
  }, [args, schema, comparison]);
}

/** What an HTTP API would be sent: made here of what is signed, by the function that sends it. */
export function RequestSent({ operation: { http, url }, args }: {
  readonly operation: ShownOperation;
  readonly args: JsonObject;
}) {
  return useMemo(() => {
    const request = requestOf(http, args, url);
    if ("message" in request) {
      return (
        <Section title="What is sent">
          <Notice tone="danger" live={false}>
            No request can be made of these arguments, and none will be sent.
          </Notice>
        </Section>
      );
    }
    const { method, address, query, headers: { accept: _ours, ...headers }, body } = request;
    const said = Object.entries(headers);
    return (
      <Section
        title="What is sent"
        description="Besides, only headers of the upstream and its credential."
      >
        <p class="request-line mono">
          <strong>{method}</strong> <UntrustedText text={addressWith(address, query)} mono />
        </p>
        {said.length > 0 && (
          <dl class="facts">
            {said.map(([name, value]) => (
              <div key={name}>
                <dt class="mono">{name}</dt>
                <dd>
                  <UntrustedText text={value} mono />
                </dd>
              </div>
            ))}
          </dl>
        )}
        {body !== null && body.length > 0 && (
          // The same was read above, as arguments.
          <ReadingContext.Provider value={null}>
            <TextViewer
              name=""
              title="Body"
              text={new TextDecoder().decode(body)}
              id={null}
            />
          </ReadingContext.Provider>
        )}
      </Section>
    );
  }, [http, args, url]);
}

const ARGUMENTS = "/arguments";

function argumentDifferences(comparison: SheetComparison | null): ArgumentDifference[] {
  if (comparison === null || comparison.same_action) return [];
  return comparison.differences.flatMap(({ pointer, ...difference }) =>
    pointer.startsWith(`${ARGUMENTS}/`)
      ? [{ ...difference, pointer: pointer.slice(ARGUMENTS.length) }]
      : []
  );
}
