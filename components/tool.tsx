import type { OrgRecord, ToolRecord } from "../lib/store/records/policy.ts";
import { Definitions } from "./definitions.tsx";
import { Disclosure } from "./disclosure.tsx";
import { JsonView } from "./json_view.tsx";
import { PermissionBadge } from "./permission_badge.tsx";
import { Tags } from "./tags.tsx";
import { Time } from "./time.tsx";
import { AnnotationBadges, RiskBadge } from "./tool_badges.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** Everything that is said of a tool, for who reads. */
export function ToolDefinition({ tool, org, now }: {
  readonly tool: ToolRecord;
  /** What holds where the tool says nothing. */
  readonly org: Pick<OrgRecord, "approval_timeout_seconds" | "approval_use_seconds">;
  readonly now: number;
}) {
  const span = (own: number | null, other: number) =>
    own === null ? `${exactSpan(other)} (the organization's)` : exactSpan(own);
  return (
    <>
      <Definitions
        items={[
          {
            term: "Description",
            value: tool.description === ""
              ? <span class="quiet">None</span>
              : <UntrustedText text={tool.description} />,
          },
          { term: "Risk", value: <RiskBadge risk={tool.risk_level} /> },
          {
            term: "What it does",
            value: (
              <AnnotationBadges
                annotations={tool.annotations}
                acknowledged={tool.annotations_acknowledged}
              />
            ),
          },
          {
            term: "Default permission",
            value: <PermissionBadge permission={tool.default_permission} />,
          },
          {
            term: "Category",
            value: tool.category === null
              ? <span class="quiet">None</span>
              : <UntrustedText text={tool.category} />,
          },
          { term: "Tags", value: <Tags tags={tool.tags} /> },
          {
            term: "Trust tier required",
            value: tool.required_tier === 0 ? "0: everybody" : `${tool.required_tier} or above`,
          },
          {
            term: "Facts required",
            value: tool.required_facts.length === 0
              ? <span class="quiet">None</span>
              : tool.required_facts.join(", "),
          },
          {
            term: "Methods",
            value: tool.methods === null
              ? <span class="quiet">Any</span>
              : <UntrustedText text={tool.methods.join(", ")} mono />,
          },
          {
            term: "Approvals",
            value: tool.requires_second_approval ? "Two different people" : "One person",
          },
          {
            term: "A request waits",
            value: span(tool.approval_timeout_seconds, org.approval_timeout_seconds),
          },
          {
            term: "An approval is good for",
            value: span(tool.approval_use_seconds, org.approval_use_seconds),
          },
          { term: "Changed", value: <Time at={tool.updated_at} now={now} /> },
          { term: "Id", value: tool.id, mono: true },
        ]}
      />
      {tool.parameters === null
        ? <p class="quiet">Without a parameter schema any arguments are accepted.</p>
        : (
          <Disclosure summary="Parameter schema">
            <JsonView value={tool.parameters} />
          </Disclosure>
        )}
    </>
  );
}

const UNITS = [[86_400, "days"], [3600, "h"], [60, "min"], [1, "s"]] as const;

/** Seconds in every unit that they have, such as `1 h 30 min`. */
function exactSpan(seconds: number): string {
  let left = seconds;
  return UNITS.flatMap(([size, unit]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return count === 0 ? [] : [`${count} ${unit === "days" && count === 1 ? "day" : unit}`];
  }).join(" ");
}
