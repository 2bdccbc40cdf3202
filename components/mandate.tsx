import { available, countedIn, heldIn, overrun, windowEnd } from "../lib/mandates/budget.ts";
import type { ScopeChange, ScopePart } from "../lib/mandates/edition_changes.ts";
import { isLabel } from "../lib/mandates/narrow.ts";
import type { BudgetRow, BudgetTerms, Period } from "../lib/store/records/budget.ts";
import type {
  BundleEdition,
  Condition,
  Scope,
  ScopeDecision,
  ScopeRule,
} from "../lib/store/records/mandate.ts";
import { Badge, type BadgeProps, Tags } from "./badges.tsx";
import { Table } from "./table.tsx";
import { Time } from "./time.tsx";
import { Digits, MachineName, UntrustedText } from "./untrusted.tsx";

/** What a user lets an agent do, as people read it: scopes, states, what it may cost. */

const STATES = {
  active: { icon: "check_circle", children: "In force" },
  revoked: { tone: "danger", icon: "undo", children: "Revoked" },
  superseded: { icon: "repeat", children: "Replaced" },
  expired: { icon: "clock", children: "Expired" },
} as const satisfies Readonly<Record<string, BadgeProps>>;

export type MandateState = keyof typeof STATES;

/** Whether a mandate is in force, and what ended it. */
export function MandateStateBadge({ state }: { readonly state: MandateState }) {
  return <Badge {...STATES[state]} />;
}

/** The states to choose from, in words. */
export const MANDATE_STATE_CHOICES = Object.entries(STATES).map(([value, { children }]) => ({
  value,
  label: children,
}));

const DECISIONS: Readonly<Record<ScopeDecision, BadgeProps>> = {
  allow: { icon: "check", children: "Allowed" },
  confirm: { tone: "warning", icon: "user", children: "User confirms" },
  escalate: { tone: "warning", icon: "approvals", children: "Approvers decide" },
  deny: { tone: "danger", icon: "ban", children: "Denied" },
};

function DecisionBadge({ decision }: { readonly decision: ScopeDecision }) {
  return <Badge {...DECISIONS[decision]} />;
}

/** Whom a mandate is for: an agent by its name, or the label that an app stands for. */
export function MandateAgent({ agent, name }: {
  readonly agent: string;
  /** Null for a label, and for an agent that is gone. */
  readonly name: string | null;
}) {
  if (isLabel(agent) || name === null) return <UntrustedText text={agent} mono />;
  return <MachineName type="agent" id={agent} name={name} />;
}

/** What a mandate or an edition allows: one row a scope, all of it said. */
export function ScopeTable({ scopes }: { readonly scopes: readonly Scope[] }) {
  const has = {
    limits: scopes.some(({ limits }) => limits !== undefined),
    budget: scopes.some(({ budget }) => budget !== undefined),
  };
  return (
    <Table<Scope>
      caption="Scopes"
      prose
      stacks
      rows={scopes}
      rowKey={({ name }) => name}
      empty={null}
      columns={[
        {
          key: "name",
          label: "Scope",
          kind: "title",
          cell: ({ name }) => <ScopeName name={name} />,
        },
        {
          key: "decision",
          label: "Decision",
          kind: "badge",
          cell: ({ decision }) => <DecisionBadge decision={decision} />,
        },
        {
          key: "resources",
          label: "Resources",
          cell: ({ resources }) => <Tags tags={resources ?? []} none="Any" />,
        },
        {
          key: "conditions",
          label: "Conditions",
          cell: ({ conditions }) => <Conditions rules={conditions} />,
        },
        ...(has.limits
          ? [{ key: "limits", label: "At most", cell: (scope: Scope) => <Limits scope={scope} /> }]
          : []),
        ...(has.budget
          ? [{
            key: "budget",
            label: "Budget",
            cell: ({ budget }: Scope) =>
              budget === undefined ? <None /> : <BudgetWords terms={budget} />,
          }]
          : []),
      ]}
    />
  );
}

const None = () => <span class="quiet">None</span>;

/** A tool by its name, or the tag that tools have. */
function ScopeName({ name }: { readonly name: string }) {
  if (!name.startsWith("tag:")) {
    return (
      <span class="scope-name">
        <UntrustedText text={name} mono />
      </span>
    );
  }
  return (
    <span class="scope-name">
      tag <UntrustedText text={name.slice(4)} mono />
    </span>
  );
}

function Conditions({ rules }: { readonly rules: readonly ScopeRule[] }) {
  if (rules.length === 0) return <None />;
  return (
    <ul class="scope-rules">
      {rules.map(({ when, decision }, at) => (
        <li key={at}>
          {DECISIONS[decision].children} if {when.map((condition, index) => (
            <span key={index}>
              {index > 0 && " or "}
              <ConditionWords condition={condition} />
            </span>
          ))}
        </li>
      ))}
    </ul>
  );
}

const OPS: Readonly<Record<Exclude<Condition["op"], "exists" | "empty">, string>> = {
  eq: "is",
  ne: "isn't",
  gt: "is above",
  gte: "is at least",
  lt: "is below",
  lte: "is at most",
  in: "is one of",
  not_in: "is none of",
  contains_any: "has one of",
  contains_none: "has none of",
};

function ConditionWords({ condition: { field, op, value } }: { readonly condition: Condition }) {
  const name = <UntrustedText text={field === "" ? "the arguments" : field} mono={field !== ""} />;
  if (op === "exists") return <>{name} {value === true ? "is there" : "is missing"}</>;
  if (op === "empty") return <>{name} {value === true ? "is empty" : "isn't empty"}</>;
  return (
    <>
      {name} {OPS[op]} <UntrustedText text={JSON.stringify(value)} mono />
    </>
  );
}

const RATES = [
  ["max_per_minute", "a minute"],
  ["max_per_hour", "an hour"],
  ["max_per_day", "a day"],
] as const;

function Limits({ scope: { limits = {} } }: { readonly scope: Scope }) {
  const words = RATES.flatMap(([most, unit]) =>
    limits[most] === undefined ? [] : [`${limits[most]} ${unit}`]
  );
  return words.length === 0 ? <None /> : <span>{words.join(", ")}</span>;
}

const PERIODS: Readonly<Record<Period, string>> = {
  total: "in all",
  minute: "a minute",
  hour: "an hour",
  day: "a day",
  week: "a week",
  month: "a month",
};

/** What may be spent, in words. */
export function BudgetWords({ terms }: {
  readonly terms:
    & Pick<BudgetTerms, "limit_micros" | "ask_above_micros">
    & Partial<Pick<BudgetTerms, "on_silence">>
    & { readonly period: Period };
}) {
  const { limit_micros, period, ask_above_micros, on_silence } = terms;
  return (
    <span>
      <Money micros={limit_micros} /> {PERIODS[period]}
      {ask_above_micros !== null && (
        <>
          , asks above <Money micros={ask_above_micros} />
        </>
      )}
      {on_silence === "release" && ", forgets after an hour what a check alone reserved"}
    </span>
  );
}

const MICROS = 1_000_000;

/** An amount in units of the organization's currency, to the last digit. */
function Money({ micros }: { readonly micros: number }) {
  return <Digits text={moneyText(micros)} />;
}

/** `12.50`; more digits only where there are any. */
export function moneyText(micros: number): string {
  const parts = String(micros % MICROS).padStart(6, "0").replace(/0{1,4}$/, "");
  return `${Math.floor(micros / MICROS)}.${parts}`;
}

/** Width of the bar, in units of its drawing. */
const BAR = 1000;

interface BudgetBarProps {
  readonly row: BudgetRow;
  readonly now: number;
  /** Beside others in a list: what is left and the bar alone. */
  readonly short?: boolean;
}

/** What was spent of a budget, what run tokens hold, and what is left. */
export function BudgetBar({ row, now, short = false }: BudgetBarProps) {
  const { limit, settled, ask_above, period } = row;
  const held = heldIn(row);
  const over = overrun(row);
  const ends = windowEnd(period, row.window);
  const at = (micros: number) =>
    limit === 0 ? BAR : Math.min(BAR, Math.round(micros / limit * BAR));
  const left = over > 0 ? `${moneyText(over)} over` : `${moneyText(available(row))} left`;
  const label = `${moneyText(settled)} spent, ${moneyText(held)} held, ${left}`;
  const bar = (
    <svg
      class="budget"
      viewBox={`0 0 ${BAR} 24`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
      focusable="false"
    >
      <rect width={BAR} height="24" class="budget-left" />
      <rect width={at(settled)} height="24" class={over > 0 ? "budget-over" : "budget-spent"} />
      <rect
        x={at(settled)}
        width={at(countedIn(row)) - at(settled)}
        height="24"
        class="budget-held"
      />
      {ask_above !== null && <rect x={at(ask_above)} width="3" height="24" class="budget-ask" />}
    </svg>
  );
  if (short) {
    return (
      <span class="budget-short">
        {bar}
        <span>{left}</span>
      </span>
    );
  }
  return (
    <div class="budget-whole">
      <p>
        <strong>{left}</strong> <span class="quiet">of {moneyText(limit)} {PERIODS[period]}</span>
      </p>
      {bar}
      <p class="budget-key small">
        <span>
          <i class="budget-mark budget-mark-spent"></i>Spent {moneyText(settled)}
        </span>
        <span>
          <i class="budget-mark budget-mark-held"></i>Held {moneyText(held)}
        </span>
        {ask_above !== null && (
          <span>
            <i class="budget-mark budget-mark-ask"></i>Asks above {moneyText(ask_above)}
          </span>
        )}
        {ends !== null && (
          <span class="quiet">
            Begins anew <Time at={ends} now={now} show="absolute" />
          </span>
        )}
      </p>
    </div>
  );
}

const PARTS: Readonly<Record<ScopePart, string>> = {
  resources: "resources",
  conditions: "conditions",
  limits: "rate",
  budget: "budget",
};

/** In what an edition is not the one before it. */
export function ScopeChanges({ changes }: { readonly changes: readonly ScopeChange[] }) {
  if (changes.length === 0) return <p class="quiet">The scopes are the same.</p>;
  return (
    <Table<ScopeChange>
      caption="Scopes that changed"
      prose
      stacks
      rows={changes}
      rowKey={({ name }) => name}
      empty={null}
      columns={[
        {
          key: "name",
          label: "Scope",
          kind: "title",
          cell: ({ name }) => <ScopeName name={name} />,
        },
        {
          key: "before",
          label: "Before",
          kind: "badge",
          cell: ({ before }) => <Was it={before} />,
        },
        { key: "after", label: "Now", kind: "badge", cell: ({ after }) => <Was it={after} /> },
        {
          key: "parts",
          label: "Also changed",
          cell: ({ parts }) =>
            parts.length === 0 ? <None /> : parts.map((part) => PARTS[part]).join(", "),
        },
      ]}
    />
  );
}

function Was({ it }: { readonly it: ScopeDecision | null }) {
  return it === null ? <span class="quiet">Not in it</span> : <DecisionBadge decision={it} />;
}

/** Who granted or published something. */
export function GrantedBy({ by: { type, id }, name }: {
  readonly by: BundleEdition["created_by"];
  /** Null for who is gone. */
  readonly name: string | null;
}) {
  if (type === "member") return <UntrustedText text={name ?? id} />;
  return <MachineName type={type} id={id} name={name ?? id} />;
}
