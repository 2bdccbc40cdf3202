import { pagePath } from "../lib/base/page_path.ts";
import { entrySentence } from "../lib/evidence/sentences.ts";
import type { Names } from "../lib/evidence/telling.ts";
import type { LoggedEntry } from "../lib/ledger/log_reader.ts";
import type { RuleWarning } from "../lib/policy/rule_warnings.ts";
import type { TraceStep } from "../lib/policy/trace.ts";
import type { Selector } from "../lib/store/records/policy.ts";
import { FALLBACKS, type Level, type ResolvedFrom } from "../lib/store/records/vocabulary.ts";
import { Badge } from "./badges.tsx";
import { Notice } from "./layout.tsx";
import { Table } from "./table.tsx";
import { Time } from "./time.tsx";
import { UntrustedText, Words } from "./untrusted.tsx";

/** A rule in words: what it is about, where it stands, what it changes. */

const PARTS = [
  ["tool_name", "tool"],
  ["method", "method"],
  ["resource_id", "resource"],
  ["tag", "tag"],
  ["tenant_id", "tenant"],
] as const satisfies readonly (readonly [keyof Selector, string])[];

/** Which actions a rule speaks of: each part under its name, as it is compared. */
export function RuleSelector({ selector, without = [] }: {
  readonly selector: Selector;
  /** Parts that are clear from where it stands. */
  readonly without?: readonly (keyof Selector)[];
}) {
  const named = PARTS.filter(([part]) => selector[part] !== null && !without.includes(part));
  return (
    <span class="rule-selector">
      {named.map(([part, word]) => (
        <span key={part} class="rule-part">
          <span class="rule-part-name">{word}</span>{" "}
          <UntrustedText text={selector[part] ?? ""} mono />
        </span>
      ))}
    </span>
  );
}

/** The same as plain text, for titles. */
export function selectorText(selector: Selector): string {
  return PARTS.flatMap(([part, word]) => {
    const value = selector[part];
    return value === null ? [] : [`${word} ${value}`];
  }).join(", ");
}

/** Every step of a decision in the order walked, and why each did or did not decide. */
export function RuleTrace({ trace, decidedBy }: {
  readonly trace: readonly TraceStep[];
  readonly decidedBy: ResolvedFrom;
}) {
  const steps = trace.map((step, index) => ({ step, number: index + 1 }));
  return (
    <Table
      caption="Every level that was looked at, in order"
      prose
      rows={steps}
      rowKey={({ number }) => String(number)}
      empty={null}
      columns={[
        { key: "number", label: "No.", kind: "badge", cell: ({ number }) => number },
        {
          key: "level",
          label: "Looked at",
          kind: "title",
          cell: ({ step }) => (
            <>
              {originWords(step.level).title} <code class="mono quiet">{step.level}</code>
            </>
          ),
        },
        {
          key: "key",
          label: "For",
          cell: ({ step }) => <UntrustedText text={step.key} mono />,
        },
        {
          key: "outcome",
          label: "Outcome",
          cell: ({ step }) => (
            <span class="badges">
              <Outcome step={step} decidedBy={decidedBy} />
              {step.rule_id !== undefined && (
                <a href={pagePath("/rules/:id", { id: step.rule_id })}>Rule</a>
              )}
            </span>
          ),
        },
      ]}
    />
  );
}

function Outcome({ step: { level, outcome }, decidedBy }: {
  readonly step: TraceStep;
  readonly decidedBy: ResolvedFrom;
}) {
  switch (outcome) {
    case "matched":
      return level === decidedBy ? <Badge tone="accent" icon="check">Decides</Badge> : (
        <Badge>
          {isNarrowing(level) ? "In the way too" : "Matches, and a gate or a guard decides"}
        </Badge>
      );
    case "skipped":
      // Guards look at arguments, which an explanation has none of.
      return (
        <span class="quiet">
          {level.startsWith("guard_") ? "Asked when the call is made" : "Doesn't apply"}
        </span>
      );
    case "no_rule":
      return <span class="quiet">{passedWords(level)}</span>;
  }
}

/** Whether a step only narrows what rules and defaults say. */
function isNarrowing(level: TraceStep["level"]): boolean {
  return level === "sub_token" || /^(?:gate|guard|mandate)_/.test(level);
}

function passedWords(level: TraceStep["level"]): string {
  if (level === "kill_switch") return "Off";
  if (isNarrowing(level)) return "Passed";
  return (FALLBACKS as readonly string[]).includes(level) ? "Says nothing" : "No rule";
}

/** A level of rules in words for people. */
export interface LevelWords {
  /** What a rule of the level names. */
  readonly title: string;
  /** What it is for, as a sentence. */
  readonly meaning: string;
}

/** The eight levels, by their names. */
export const LEVEL_WORDS: Readonly<Record<Level["name"], LevelWords>> = {
  resource_tool_method: {
    title: "Resource, tool and method",
    meaning: "One operation of one tool on one resource.",
  },
  resource_tool: { title: "Resource and tool", meaning: "One tool on one resource." },
  resource_method: {
    title: "Resource and method",
    meaning: "One operation on one resource, whatever the tool.",
  },
  resource: { title: "Resource", meaning: "Everything that is done to one resource." },
  tool_method: { title: "Tool and method", meaning: "One operation of one tool, on anything." },
  tool: { title: "Tool", meaning: "Every use of one tool." },
  method: { title: "Method", meaning: "One operation, such as DELETE, of every tool." },
  tag: { title: "Tag", meaning: "Every tool with the tag; of several tags the strictest wins." },
};

/** What can decide besides rules. */
type OtherOrigin = Exclude<ResolvedFrom, Level["tenant"] | Level["org"]>;

const OTHERS: Readonly<Record<OtherOrigin, LevelWords>> = {
  kill_switch: {
    title: "Kill switch",
    meaning: "A kill switch is on: of the organization, of the agent or of the tool.",
  },
  sub_token: {
    title: "Outside the sub-token",
    meaning:
      "It was asked with a sub-token that doesn't reach this tool, method, resource or tenant.",
  },
  gate_unknown_tool: {
    title: "Unknown tool",
    meaning: "The tool isn't in the catalog, and unknown tools aren't discovered this way.",
  },
  gate_tool_disabled: {
    title: "Tool out of use",
    meaning: "The tool is disabled or archived.",
  },
  gate_tier: {
    title: "Trust tier",
    meaning: "The tool requires a higher trust tier than the one who asks has.",
  },
  gate_unknown_tenant: {
    title: "Unknown tenant",
    meaning: "There are rules for tenants, and the tenant that is named isn't registered.",
  },
  gate_incomplete: {
    title: "Required facts",
    meaning: "The tool requires a fact (tenant, resource or method) that isn't named, or, where " +
      "its upstream isn't sent it, is only said.",
  },
  gate_method: {
    title: "Methods of the tool",
    meaning: "The tool lists the methods that it takes, and the call names none of them, or only " +
      "says so where its upstream isn't sent it.",
  },
  gate_mandate: {
    title: "Mandate required",
    meaning: "The tool, or the one who asks, requires a mandate, and none is named.",
  },
  mandate_not_found: {
    title: "No such mandate",
    meaning: "There is no mandate with the id that is named, for the one who asks and the user.",
  },
  mandate_revoked: { title: "Mandate revoked", meaning: "The mandate that is named was revoked." },
  mandate_superseded: {
    title: "Mandate replaced",
    meaning: "Another mandate has taken the place of the one that is named.",
  },
  mandate_expired: { title: "Mandate expired", meaning: "The mandate that is named has expired." },
  mandate_agent: {
    title: "Agent of the mandate",
    meaning: "The mandate is for another agent than the one who asks.",
  },
  mandate_scope: {
    title: "Scope of the mandate",
    meaning: "The mandate denies the tool, or doesn't speak of it.",
  },
  mandate_resource: {
    title: "Resources of the mandate",
    meaning: "The mandate lets the tool be used on other resources only.",
  },
  mandate_condition: {
    title: "Condition of the mandate",
    meaning: "A condition of the mandate on the arguments holds, and asks for more.",
  },
  mandate_user: {
    title: "Confirmed each time",
    meaning:
      "The user wants to be asked each time; until they can be, the organization's Level 1 is.",
  },
  mandate_rate: {
    title: "Limit of the mandate",
    meaning: "The mandate lets the tool be used so often in a time, and it was.",
  },
  mandate_budget: {
    title: "Budget",
    meaning: "It would cost more than a budget that it counts against has left.",
  },
  mandate_members: {
    title: "Approved each time",
    meaning: "The mandate has the organization's approvers asked each time.",
  },
  guard_path_traversal: {
    title: "Guard: paths",
    meaning: "An argument that has to be a path below a root isn't one, however it is read.",
  },
  guard_injection: {
    title: "Guard: injection",
    meaning: "A text in the arguments is worded as an order to leave what a model was told.",
  },
  guard_secrets: {
    title: "Guard: secrets",
    meaning: "A text in the arguments holds what looks like a secret.",
  },
  guard_topics: {
    title: "Guard: topics",
    meaning: "A text in the arguments holds a word that is on the list.",
  },
  guard_command: {
    title: "Guard: command",
    meaning: "An argument holds characters that a shell takes for its own.",
  },
  guard_sql: {
    title: "Guard: SQL",
    meaning: "An argument holds characters that end a value in SQL, or begin a comment.",
  },
  gate_draft: {
    title: "Draft",
    meaning: "The tool is a draft: until somebody approves it, a person decides every use.",
  },
  tool_default: {
    title: "Default of the tool",
    meaning: "No rule speaks of it, so the tool's own default holds.",
  },
  category_default: {
    title: "Default of the category",
    meaning: "No rule speaks of it and the tool has no default, so its category's holds.",
  },
  tool_approved: {
    title: "Approved tool",
    meaning: "No rule and no default speaks of it; an approved tool is then allowed.",
  },
  fail_safe: {
    title: "Fail-safe",
    meaning: "Nothing at all speaks of it, so a person decides.",
  },
};

/** Where a decision came from, in words; a rule's with whose rule it is. */
export function originWords(from: ResolvedFrom): LevelWords {
  if (Object.hasOwn(OTHERS, from)) return OTHERS[from as OtherOrigin];
  const [half, ...rest] = from.split("_");
  const { title, meaning } = LEVEL_WORDS[rest.join("_") as Level["name"]];
  return half === "tenant"
    ? { title: `Tenant's rule by ${title.toLowerCase()}`, meaning }
    : { title: `Organization's rule by ${title.toLowerCase()}`, meaning };
}

export interface PolicyChangesProps {
  readonly entries: readonly LoggedEntry[];
  readonly names: Names;
  readonly now: number;
  /** What is said when there are none. */
  readonly none: string;
}

/** Who changed what and when, from the audit log, the newest first. */
export function PolicyChanges({ entries, names, now, none }: PolicyChangesProps) {
  if (entries.length === 0) return <p class="quiet">{none}</p>;
  return (
    <ol class="policy-changes">
      {entries.map(({ index, entry }) => (
        <li key={index} class="policy-change">
          <a class="policy-change-time" href={pagePath("/activity/:index", { index })}>
            <Time at={entry.at} now={now} />
          </a>
          <span class="policy-change-what">
            <Words text={entrySentence(entry, names)} />
          </span>
        </li>
      ))}
    </ol>
  );
}

/** What a warning of a rule means, as a sentence. */
export function warningWords({ fact, tool_name }: RuleWarning): string {
  const whose = tool_name === null ? "not every tool requires one" : `${tool_name} requires none`;
  return `It rests on the ${fact} that a call names, and ${whose}: ` +
    "leaving it out passes the rule.";
}

/** What is to be said of a rule that disables; nothing when there is nothing. */
export function RuleWarnings({ warnings }: { readonly warnings: readonly RuleWarning[] }) {
  if (warnings.length === 0) return null;
  return (
    <Notice tone="warning" title="The rule stops less than it says" live={false}>
      {warnings.map((warning) => <p key={warning.fact}>{warningWords(warning)}</p>)}
      <p>
        Require the fact in the tool, or list the methods that it takes. Surer still: disable the
        tool by default, and allow what is meant.
      </p>
    </Notice>
  );
}
