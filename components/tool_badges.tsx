import type { Annotations, ToolRecord } from "../lib/store/records/policy.ts";
import { Badge, type BadgeProps } from "./badge.tsx";

const RISKS: Readonly<Record<ToolRecord["risk_level"], BadgeProps>> = {
  low: { tone: "neutral", icon: "shield", children: "Low risk" },
  medium: { tone: "accent", icon: "shield", children: "Medium risk" },
  high: { tone: "warning", icon: "flame", children: "High risk" },
  critical: { tone: "danger", icon: "flame", children: "Critical risk" },
};

/** How much harm a tool can do. */
export function RiskBadge({ risk }: { readonly risk: ToolRecord["risk_level"] }) {
  return <Badge {...RISKS[risk]} />;
}

const ANNOTATIONS: Readonly<
  Record<keyof Annotations, { readonly on: BadgeProps; readonly off: BadgeProps }>
> = {
  read_only: {
    on: { tone: "success", icon: "eye", children: "Read-only" },
    off: { tone: "neutral", icon: "draft", children: "Writes" },
  },
  destructive: {
    on: { tone: "danger", icon: "trash", children: "Destructive" },
    off: { tone: "neutral", icon: "check", children: "Not destructive" },
  },
  idempotent: {
    on: { tone: "neutral", icon: "repeat", children: "Idempotent" },
    off: { tone: "warning", icon: "repeat", children: "Not idempotent" },
  },
  open_world: {
    on: { tone: "warning", icon: "globe", children: "Open world" },
    off: { tone: "neutral", icon: "lock", children: "Closed world" },
  },
};

/** The four annotations of a tool, each with its word for both sides. */
export function AnnotationBadges({ annotations, acknowledged = true }: {
  readonly annotations: Annotations;
  /** False marks them as nobody's statement yet. */
  readonly acknowledged?: boolean;
}) {
  return (
    <span class="badges">
      {!acknowledged && <Badge tone="warning" icon="warning">Needs annotations</Badge>}
      {(Object.keys(ANNOTATIONS) as (keyof Annotations)[]).map((name) => (
        <Badge key={name} {...ANNOTATIONS[name][annotations[name] ? "on" : "off"]} />
      ))}
    </span>
  );
}
