import type { Permission } from "../lib/policy/permission.ts";
import { Badge, type BadgeProps } from "./badge.tsx";

const LOOKS: Readonly<Record<Permission, BadgeProps>> = {
  allowed: { tone: "success", icon: "check", children: "Allowed" },
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
  return permission === null ? <Badge>{none}</Badge> : <Badge {...LOOKS[permission]} />;
}

/** A permission in the words of the badge, for sentences and lists. */
export function permissionWords(permission: Permission): string {
  return String(LOOKS[permission].children);
}
