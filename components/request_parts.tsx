import type { JsonValue } from "../lib/base/json.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { cancelledWords, type ShownView } from "../lib/sheet/sentence.ts";
import type { SheetComparison, SheetStep } from "../lib/sheet/sheet.ts";
import type { Awaited } from "../lib/sheet/story.ts";
import { AnnotationBadges, Badge, RiskBadge } from "./badges.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { type Definition, Definitions, Section } from "./layout.tsx";
import { Countdown, Time } from "./time.tsx";
import { UntrustedText } from "./untrusted.tsx";

/** What stands beside a request: the call before it, why it waits, what has happened. */

const KINDS = { added: "Added", removed: "Removed", changed: "Changed" } as const;

/** In what a request differs from the last call of its tool that somebody approved. */
export function RequestComparison({ comparison, now }: {
  readonly comparison: SheetComparison | null;
  readonly now: number;
}) {
  const title = "Compared with the last approved call";
  if (comparison === null) {
    return (
      <Section title={title}>
        <p>No call of this tool was approved before: there is nothing to compare it with.</p>
      </Section>
    );
  }
  const { differences, more, arguments_known, same_action } = comparison;
  const by = comparison.same_requester ? "by the same requester" : "by another requester";
  return (
    <Section title={title}>
      <p class="quiet">
        <a href={pagePath("/approvals/:id", { id: comparison.id })}>{comparison.reference}</a>, {by}
        {comparison.decided_at !== null && (
          <>
            , approved <Time at={comparison.decided_at} now={now} show="relative" />
          </>
        )}
      </p>
      {same_action && <p>It is the very same action.</p>}
      {!same_action && differences.length > 0 && (
        <dl class="differences">
          {differences.map(({ pointer, kind, before, after }) => (
            <div key={pointer} class="difference">
              <dt>
                <UntrustedText text={pointer.slice(1)} mono />
                <Badge tone="accent" icon="repeat">{KINDS[kind]}</Badge>
              </dt>
              <dd>
                {kind !== "added" && <Value word="Before" value={before} />}
                {kind !== "removed" && <Value word="Now" value={after} />}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {more && <p>There may be more differences than these; read the arguments themselves.</p>}
      {!same_action && !arguments_known && (
        <p>The arguments of that call were erased, so they could not be compared.</p>
      )}
    </Section>
  );
}

function Value({ word, value }: { readonly word: string; readonly value: JsonValue }) {
  return (
    <div class="difference-value">
      <span class="difference-word">{word}</span>
      <UntrustedText text={JSON.stringify(value)} mono />
    </div>
  );
}

export interface RequestReasonsProps {
  readonly shown: ShownView;
  readonly resolvedFrom: string;
  readonly levels: number;
  readonly levelsSkipped: boolean;
}

/** What each level that can hold a request means, in words. */
const HELD_BY: Readonly<Record<string, string>> = {
  gate_draft: "The tool is a draft: nobody has approved it yet",
  gate_unknown_tenant: "The tenant is not registered",
  gate_incomplete: "A fact that the tool requires is missing",
  tool_default: "The tool's default permission asks for approval",
  category_default: "The default of the tool's category asks for approval",
  fail_safe: "No rule decides, so a person does",
};

/** Why a request is held: the level that decided, the rule, what the tool is said to do. */
export function RequestReasons(props: RequestReasonsProps) {
  const { shown: { tool, rule }, resolvedFrom, levels, levelsSkipped } = props;
  const held = HELD_BY[resolvedFrom] ??
    (resolvedFrom.startsWith("tenant_")
      ? "A rule of this tenant asks for approval"
      : "A rule of the organization asks for approval");
  const items: Definition[] = [
    {
      term: "Decided at",
      value: (
        <>
          {held} <code class="mono quiet">{resolvedFrom}</code>
        </>
      ),
    },
  ];
  if (rule !== null) {
    items.push({
      term: "Rule",
      value: (
        <>
          <a class="mono" href={pagePath("/rules/:id", { id: rule.id })}>{rule.id}</a>
          {rule.note !== null && (
            <p>
              <UntrustedText text={rule.note} />
            </p>
          )}
        </>
      ),
    });
  }
  items.push({
    term: "Tool",
    value: <UntrustedText text={tool.description || "No description"} />,
  });
  items.push({
    term: "What it does",
    value: (
      <span class="badges">
        <RiskBadge risk={tool.risk_level} />
        <AnnotationBadges annotations={tool.annotations} />
      </span>
    ),
  });
  if (levels > 1) items.push({ term: "Approvals", value: "Two different people have to approve" });
  if (levelsSkipped) {
    items.push({
      term: "Second approval",
      value: "Skipped: the group Level 2 had no member when this was asked",
    });
  }
  return (
    <Section title="Why it is held">
      <Definitions items={items} />
    </Section>
  );
}

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
