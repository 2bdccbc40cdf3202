import { hasRight, type Right, RIGHTS, type Role } from "../lib/policy/rights.ts";
import { ROLES } from "../lib/store/records/identity.ts";
import { RoleBadge } from "./role_badge.tsx";
import { Table } from "./table.tsx";

/** Each right in plain words. */
const WORDS: Readonly<Record<Right, string>> = {
  see_requests: "See requests, without their arguments",
  decide: "See arguments, approve and deny; approvers at their own level",
  read: "Read rules, tools, tenants, resources, agents, keys, settings and the log",
  configure: "Change rules, tools, tenants, resources, agents, standard and management keys",
  manage_members: "Invite, change and remove members up to their own role",
  make_approver_keys: "Make keys that decide, or that read private data",
  widen_settings: "Change settings so that more is let through",
  export_private: "Read the private parts of the log",
  accept_clock: "Accept the clock of the server after it jumped",
  delete_org: "Delete the organization",
  confirm_recovery: "Confirm a colleague’s recovery before its hold is over",
  kill_switch_on: "Stop everything, a tool or an agent",
  kill_switch_off: "Let go on what was stopped",
  grant_read: "Let an MCP client read for them",
  grant_write: "Let an MCP client ask and act for them",
};

const ROLE_WORDS: Readonly<Record<Role, { readonly label: string; readonly hint: string }>> = {
  owner: { label: "Owner", hint: "Rules everything, settings that let more through included." },
  admin: { label: "Admin", hint: "Runs it day by day: rules, tools, agents, keys, the team." },
  approver: { label: "Approver", hint: "Decides requests, and can stop things." },
  viewer: { label: "Viewer", hint: "Looks on. Sees no arguments, decides nothing." },
};

/** A role in words. */
export function roleWords(role: Role): { readonly label: string; readonly hint: string } {
  return ROLE_WORDS[role];
}

/** What each role may do, from the table that every page and route asks. */
export function RoleRights() {
  return (
    <Table<Right>
      caption="What each role may do"
      rows={RIGHTS}
      rowKey={(right) => right}
      empty={null}
      columns={[
        { key: "right", label: "May", cell: (right) => WORDS[right] },
        {
          key: "roles",
          label: "Who",
          cell: (right) => (
            <span class="badges">
              {ROLES.filter((role) => hasRight(role, right)).map((role) => (
                <RoleBadge key={role} role={role} />
              ))}
            </span>
          ),
        },
      ]}
    />
  );
}
