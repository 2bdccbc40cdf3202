import type { ROLES } from "../store/records/identity.ts";

/**
 * The table of roles and rights, and who may give whom a role. Everything that asks what a member
 * may do asks here.
 */

export type Role = (typeof ROLES)[number];

/**
 * What a member may do by their role: the one table that pages, routes and operations ask. A right
 * that is not in a role's column is refused, whatever the page showed.
 */
const TABLE = {
  /** See requests to humans, without their arguments. */
  see_requests: ["owner", "admin", "approver", "viewer"],
  /** See arguments and decide; an approver of their levels only, which `mayDecide` tells. */
  decide: ["owner", "admin", "approver"],
  /** Read rules, tools, tenants, resources, agents, keys, settings and the log. */
  read: ["owner", "admin", "approver", "viewer"],
  /** Change rules, tools, tenants, resources, agents, standard and management keys. */
  configure: ["owner", "admin"],
  /** Invite, change and remove members up to the own role; set groups. */
  manage_members: ["owner", "admin"],
  /** Make keys that decide, or that read private data; keep such a key of the operator. */
  make_approver_keys: ["owner"],
  /** Change a setting of the org so that more is let through. */
  widen_settings: ["owner"],
  /** Read the private parts of the log. */
  export_private: ["owner"],
  /** Say that the clock is right where the log is ahead of it. */
  accept_clock: ["owner"],
  delete_org: ["owner"],
  /** Confirm another member's recovery before its hold is over. */
  confirm_recovery: ["owner"],
  kill_switch_on: ["owner", "admin", "approver"],
  kill_switch_off: ["owner"],
  /** Let an MCP client read for oneself. */
  grant_read: ["owner", "admin", "approver", "viewer"],
  /** Let an MCP client write for oneself. */
  grant_write: ["owner", "admin", "approver"],
} as const satisfies Record<string, readonly Role[]>;

export type Right = keyof typeof TABLE;

export const RIGHTS = Object.keys(TABLE) as Right[];

/** Whether a role has a right. */
export function hasRight(role: Role, right: Right): boolean {
  const roles: readonly Role[] = TABLE[right];
  return roles.includes(role);
}

const RANK: Readonly<Record<Role, number>> = { owner: 3, admin: 2, approver: 1, viewer: 0 };

/** Whether somebody of the role `own` may give or take the role `other`: nobody above their own. */
export function mayGrant(own: Role, other: Role): boolean {
  return hasRight(own, "manage_members") && RANK[other] <= RANK[own];
}
