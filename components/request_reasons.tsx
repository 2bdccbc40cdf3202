import type { ShownView } from "../lib/approvals/shown_view.ts";
import { type Definition, Definitions } from "./definitions.tsx";
import { Section } from "./section.tsx";
import { AnnotationBadges, RiskBadge } from "./tool_badges.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

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
          <a class="mono" href={`/rules/${rule.id}`}>{rule.id}</a>
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
