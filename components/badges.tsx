import { Badge, type BadgeProps } from "./badge.tsx";

const LOOKS = {
  // Requests to people.
  pending: { tone: "warning", icon: "hourglass", children: "Pending" },
  approved: { tone: "success", icon: "check_circle", children: "Approved" },
  used: { tone: "success", icon: "bolt", children: "Used" },
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
  minted: { tone: "accent", icon: "key", children: "Minted" },
  consumed: { tone: "accent", icon: "bolt", children: "Consumed" },
  success: { tone: "success", icon: "check_circle", children: "Success" },
  failed: { tone: "danger", icon: "cross_circle", children: "Failed" },
  error: { tone: "danger", icon: "warning", children: "Error" },
  unknown: { tone: "warning", icon: "info", children: "Unknown" },
  // Keys, agents, members, sessions.
  active: { tone: "success", icon: "check_circle", children: "Active" },
  invited: { tone: "accent", icon: "mail", children: "Invited" },
  paused: { tone: "danger", icon: "pause", children: "Paused" },
} as const satisfies Record<string, BadgeProps>;

export type Status = keyof typeof LOOKS;

/** Where a request, tool, token, execution, key or member stands. */
export function StatusBadge({ status, label }: {
  readonly status: Status;
  /** Another word than the usual one. */
  readonly label?: string;
}) {
  const look = LOOKS[status];
  return <Badge tone={look.tone} icon={look.icon}>{label ?? look.children}</Badge>;
}

/** A status in the words of the badge, for sentences and lists. */
export function statusWords(status: Status): string {
  return LOOKS[status].children;
}
