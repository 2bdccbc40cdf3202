import type { Role } from "../lib/policy/rights.ts";
import { Badge, type BadgeProps } from "./badge.tsx";

const LOOKS: Readonly<Record<Role, BadgeProps>> = {
  owner: { tone: "accent", icon: "key", children: "Owner" },
  admin: { tone: "accent", icon: "settings", children: "Admin" },
  approver: { tone: "neutral", icon: "approvals", children: "Approver" },
  viewer: { tone: "neutral", icon: "eye", children: "Viewer" },
};

/** What a member is in the organization. */
export function RoleBadge({ role }: { readonly role: Role }) {
  return <Badge {...LOOKS[role]} />;
}
