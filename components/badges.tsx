import type { ComponentChildren } from "preact";
import { type Danger, type Dangers, RISK_WORDS } from "../lib/approvals/danger.ts";
import type { Role } from "../lib/policy/rights.ts";
import type { Annotations, ToolRecord } from "../lib/store/records/policy.ts";
import type { Permission } from "../lib/store/records/vocabulary.ts";
import { Icon, type IconName } from "./icon.tsx";
import { UntrustedText } from "./untrusted.tsx";

/**
 * Short marks beside a name: status, permission, risk, role. What is normal is plain text; colour
 * is for exceptions.
 */

/** What a colour means: an exception, for what is normal has none. The word beside it says the same. */
export type Tone = "neutral" | "accent" | "success" | "warning" | "danger";

export interface BadgeProps {
  readonly tone?: Tone;
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}

/** One word about a thing. */
export function Badge({ tone = "neutral", icon, children }: BadgeProps) {
  return (
    <span class={`badge badge-${tone}`}>
      {icon !== undefined && <Icon name={icon} size="small" />}
      <span>{children}</span>
    </span>
  );
}

const ROLE_LOOKS: Readonly<Record<Role, BadgeProps>> = {
  owner: { tone: "neutral", icon: "key", children: "Owner" },
  admin: { tone: "neutral", icon: "settings", children: "Admin" },
  approver: { tone: "neutral", icon: "approvals", children: "Approver" },
  viewer: { tone: "neutral", icon: "eye", children: "Viewer" },
};

/** What a member is in the organization. */
export function RoleBadge({ role }: { readonly role: Role }) {
  return <Badge {...ROLE_LOOKS[role]} />;
}

const PERMISSION_LOOKS: Readonly<Record<Permission, BadgeProps>> = {
  allowed: { tone: "neutral", icon: "check", children: "Allowed" },
  requires_approval: { tone: "warning", icon: "approvals", children: "Needs approval" },
  disabled: { tone: "danger", icon: "ban", children: "Disabled" },
};

export interface PermissionBadgeProps {
  /** Null where nothing is set. */
  readonly permission: Permission | null;
  /** What null is called. */
  readonly none?: string;
}

/** What a rule grants or a decision answered. */
export function PermissionBadge({ permission, none = "Not set" }: PermissionBadgeProps) {
  return permission === null ? <Badge>{none}</Badge> : <Badge {...PERMISSION_LOOKS[permission]} />;
}

/** A permission in the words of the badge, for sentences and lists. */
export function permissionWords(permission: Permission): string {
  return String(PERMISSION_LOOKS[permission].children);
}

const STATUS_LOOKS = {
  // Requests to people.
  pending: { tone: "neutral", icon: "hourglass", children: "Pending" },
  approved: { tone: "neutral", icon: "check_circle", children: "Approved" },
  used: { tone: "neutral", icon: "bolt", children: "Used" },
  denied: { tone: "danger", icon: "cross_circle", children: "Denied" },
  expired: { tone: "neutral", icon: "clock", children: "Expired" },
  lapsed: { tone: "neutral", icon: "clock", children: "Not used in time" },
  cancelled: { tone: "neutral", icon: "minus_circle", children: "Cancelled" },
  revoked: { tone: "danger", icon: "undo", children: "Revoked" },
  // Tools.
  draft: { tone: "warning", icon: "draft", children: "Draft" },
  disabled: { tone: "danger", icon: "ban", children: "Disabled" },
  archived: { tone: "neutral", icon: "archive", children: "Archived" },
  // Run tokens and executions.
  minted: { tone: "neutral", icon: "key", children: "Minted" },
  consumed: { tone: "neutral", icon: "bolt", children: "Consumed" },
  success: { tone: "neutral", icon: "check_circle", children: "Success" },
  failed: { tone: "danger", icon: "cross_circle", children: "Failed" },
  error: { tone: "danger", icon: "warning", children: "Error" },
  unknown: { tone: "warning", icon: "info", children: "Unknown" },
  // Calls that run through here.
  running: { tone: "neutral", icon: "hourglass", children: "Running" },
  completed: { tone: "neutral", icon: "check_circle", children: "Completed" },
  refused: { tone: "neutral", icon: "ban", children: "Refused" },
  returned: { tone: "neutral", icon: "undo", children: "Not sent" },
  // Keys, agents, members, sessions.
  active: { tone: "neutral", icon: "check_circle", children: "Active" },
  invited: { tone: "neutral", icon: "mail", children: "Invited" },
  paused: { tone: "danger", icon: "pause", children: "Paused" },
} as const satisfies Record<string, BadgeProps>;

export type Status = keyof typeof STATUS_LOOKS;

/** Where a request, tool, token, execution, key or member stands. */
export function StatusBadge({ status, label }: {
  readonly status: Status;
  /** Another word than the usual one. */
  readonly label?: string;
}) {
  const look = STATUS_LOOKS[status];
  return <Badge tone={look.tone} icon={look.icon}>{label ?? look.children}</Badge>;
}

/** A status in the words of the badge, for sentences and lists. */
export function statusWords(status: Status): string {
  return STATUS_LOOKS[status].children;
}

/** How much harm a tool can do: a gauge that fills, and its word; in a row the gauge alone is seen. */
export function RiskBadge({ risk, gauge = false }: {
  readonly risk: ToolRecord["risk_level"];
  readonly gauge?: boolean;
}) {
  return (
    <span class={`risk risk-${risk}`}>
      <span class="gauge" aria-hidden="true"></span>
      <span class={gauge ? "visually-hidden" : undefined}>{RISK_WORDS[risk]}</span>
    </span>
  );
}

const ANNOTATIONS: Readonly<
  Record<keyof Annotations, { readonly on: BadgeProps; readonly off: BadgeProps }>
> = {
  read_only: {
    on: { tone: "neutral", icon: "eye", children: "Read-only" },
    off: { tone: "neutral", icon: "draft", children: "Writes" },
  },
  destructive: {
    on: { tone: "danger", icon: "trash", children: "Destructive" },
    off: { tone: "neutral", icon: "check", children: "Not destructive" },
  },
  idempotent: {
    on: { tone: "neutral", icon: "repeat", children: "Safe to repeat" },
    off: { tone: "neutral", icon: "repeat", children: "Not safe to repeat" },
  },
  open_world: {
    on: { tone: "warning", icon: "globe", children: "Leaves your systems" },
    off: { tone: "neutral", icon: "lock", children: "Stays in your systems" },
  },
};

const DANGER_ICONS: Readonly<Record<Danger["kind"], IconName>> = {
  destructive: "trash",
  open_world: "globe",
  denied: "cross_circle",
  first: "info",
  larger: "warning",
};

/** How dangerous a request is, in the line under its sentence. */
export function DangerChips({ dangers }: { readonly dangers: Dangers }) {
  return (
    <>
      <RiskBadge risk={dangers.risk} />
      <DangerMarks marks={dangers.marks} />
    </>
  );
}

/** What speaks against a request; in a row there is little room. */
export function DangerMarks({ marks, short = false }: {
  readonly marks: Dangers["marks"];
  readonly short?: boolean;
}) {
  return (
    <>
      {marks.map(({ kind, tone, words, short: few }) => (
        <Badge key={kind} tone={tone} icon={DANGER_ICONS[kind]}>{short ? few : words}</Badge>
      ))}
    </>
  );
}

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

/** Where a tool stands: its status, whether it is stopped, whether anybody stands for it. */
export function ToolStateBadges({ tool }: { readonly tool: ToolRecord }) {
  return (
    <span class="badges">
      <StatusBadge status={tool.status} />
      {tool.kill_switch.active && <Badge tone="danger" icon="power">Stopped</Badge>}
      {!tool.annotations_acknowledged && tool.status !== "archived" && (
        <Badge tone="warning" icon="warning">Needs annotations</Badge>
      )}
    </span>
  );
}

/** Words that somebody put on a thing, or ids in a row. They wrap where they are long. */
export function Tags({ tags, none = "None" }: {
  readonly tags: readonly string[];
  /** What stands there when there are none. */
  readonly none?: string;
}) {
  if (tags.length === 0) return <span class="quiet">{none}</span>;
  return (
    <ul class="tags">
      {tags.map((tag) => (
        <li key={tag} class="tag">
          <UntrustedText text={tag} />
        </li>
      ))}
    </ul>
  );
}
