import { FALLBACKS, type ResolvedFrom } from "../lib/policy/levels.ts";
import type { TraceStep } from "../lib/policy/trace.ts";
import { Badge } from "./badge.tsx";
import { originWords } from "./rule.tsx";
import { Table } from "./table.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** Every step of a decision in the order walked, and why each did or did not decide. */
export function RuleTrace({ trace, decidedBy }: {
  readonly trace: readonly TraceStep[];
  readonly decidedBy: ResolvedFrom;
}) {
  const steps = trace.map((step, index) => ({ step, number: index + 1 }));
  return (
    <Table
      caption="Every level that was looked at, in order"
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
              {step.rule_id !== undefined && <a href={`/rules/${step.rule_id}`}>Rule</a>}
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
          {level.startsWith("gate_") ? "In the way too" : "Matches, and a gate decides"}
        </Badge>
      );
    case "skipped":
      return <span class="quiet">Does not apply</span>;
    case "no_rule":
      return <span class="quiet">{passedWords(level)}</span>;
  }
}

function passedWords(level: TraceStep["level"]): string {
  if (level === "kill_switch") return "Off";
  if (level.startsWith("gate_")) return "Passed";
  return (FALLBACKS as readonly string[]).includes(level) ? "Says nothing" : "No rule";
}
