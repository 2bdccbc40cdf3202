import type { NamedPerson } from "../lib/base/person.ts";
import { hasRight, mayGrant, type Right, RIGHTS, type Role } from "../lib/policy/rights.ts";
import type { DeciderGap } from "../lib/sheet/decider_gaps.ts";
import { type MemberRecord, ROLES } from "../lib/store/records/identity.ts";
import { Badge, RoleBadge, StatusBadge } from "./badges.tsx";
import { CheckboxGroup, RadioGroup } from "./choices.tsx";
import { Notice } from "./layout.tsx";
import { Table } from "./table.tsx";
import { UntrustedText, Words } from "./untrusted.tsx";

/** A member in forms and lists: role, groups, state, and who is missing to decide. */

export interface MemberFieldsProps {
  /** Of whoever fills the form in: nobody gives a role above their own. */
  readonly own: Role;
  readonly role: string;
  /** `1` and `2`. */
  readonly groups: readonly string[];
  readonly error: (name: string) => string | undefined;
  /** Set while the member must stay an owner: why. */
  readonly locked?: string | undefined;
}

/** What makes a member one who may do more or less: the role, and the groups. */
export function MemberFields({ own, role, groups, error, locked }: MemberFieldsProps) {
  return (
    <>
      <RadioGroup
        name="role"
        label="Role"
        hint={locked}
        error={error("role")}
        value={role}
        required
        options={ROLES.filter((one) => mayGrant(own, one)).map((value) => ({
          value,
          ...roleWords(value),
          disabled: locked !== undefined && value !== "owner",
        }))}
      />
      <CheckboxGroup
        name="groups"
        label="Approver groups"
        hint="At which level they are asked. Owners and admins can decide at both anyway; viewers are in none."
        error={error("groups")}
        values={groups}
        options={[
          {
            value: "1",
            label: "Level 1",
            hint: "Decides every request first. While nobody is in it, every approver is.",
          },
          {
            value: "2",
            label: "Level 2",
            hint: "Gives the second approval of tools that need two different people.",
          },
        ]}
      />
    </>
  );
}

/** A person by the name that they chose, never without the address that it belongs to. */
export function Person({ member: { name, email } }: { readonly member: NamedPerson }) {
  if (name === null) return <UntrustedText text={email} />;
  return (
    <span class="person">
      <UntrustedText text={name} />{" "}
      <span class="person-address">
        <UntrustedText text={email} />
      </span>
    </span>
  );
}

/** The groups of a member in words. */
export function groupWords(groups: readonly number[]): string[] {
  return groups.map((group) => `Level ${group}`);
}

export interface MemberStateProps {
  readonly member: MemberRecord;
  /** The invitation that they have not accepted yet; null when there is none. */
  readonly invitation: { readonly expired: boolean } | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Whether a member can sign in, and whether a recovery holds them. */
export function MemberState({ member, invitation, now }: MemberStateProps) {
  return (
    <span class="badges">
      <Entry member={member} invitation={invitation} />
      {isHeld(member, now) && <Badge tone="warning" icon="hourglass">On hold</Badge>}
    </span>
  );
}

/** Whether a recovery keeps a member from ruling others. */
export function isHeld({ held_until }: MemberRecord, now: number): boolean {
  return held_until !== null && held_until > now;
}

function Entry({ member, invitation }: Omit<MemberStateProps, "now">) {
  if (member.account !== null) {
    return member.has_passkey
      ? <Badge icon="passkey">Passkey</Badge>
      : <Badge tone="warning" icon="warning">No passkey</Badge>;
  }
  if (invitation === null) return <Badge>Not invited yet</Badge>;
  return invitation.expired
    ? <Badge tone="warning" icon="clock">Invitation expired</Badge>
    : <StatusBadge status="invited" />;
}

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
  kill_switch_on: "Stop everything, a tool or an agent; revoke a mandate",
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
      prose
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

/** Names that are told; the rest is counted. */
const NAMED = 3;

/** Warns of requests that the team cannot decide as the policy means it. */
export function DeciderGaps({ gaps }: { readonly gaps: readonly DeciderGap[] }) {
  return (
    <>
      {gaps.map((gap) =>
        gap.type === "no_second_level"
          ? (
            <Notice
              key="no_second_level"
              tone="warning"
              live={false}
              title="Nobody gives the second approval"
            >
              <Names names={gap.tools} /> {gap.tools.length === 1 ? "needs" : "need"}{" "}
              two different people, and nobody who could sign is in the group Level 2. {gap.refused
                ? "Requests are refused until somebody is."
                : "Until somebody is, one approval is enough, and the log says so."}
            </Notice>
          )
          : (
            <Notice
              key={`nobody_else ${gap.members.join()}`}
              tone="warning"
              live={false}
              title="Nobody else could decide"
            >
              <Names names={gap.members} /> {gap.members.length === 1 ? "answers" : "answer"} for
              {" "}
              <Names names={gap.requesters} />, so somebody else has to decide what{" "}
              {gap.requesters.length === 1 ? "it asks" : "they ask"}
              {gap.tools !== null && (
                <>
                  {" "}of <Names names={gap.tools} />
                </>
              )}. {gap.tools === null
                ? "There is no such person: make another member an approver."
                : "There are too few such people: make other members approvers."}
            </Notice>
          )
      )}
    </>
  );
}

function Names({ names }: { readonly names: readonly string[] }) {
  const more = names.length - NAMED;
  return (
    <>
      {names.slice(0, NAMED).map((name, index) => (
        <span key={name}>
          {index > 0 && ", "}
          <strong>
            <Words text={name} />
          </strong>
        </span>
      ))}
      {more > 0 && ` and ${more} more`}
    </>
  );
}
