import { mayGrant, type Role } from "../lib/policy/rights.ts";
import { ROLES } from "../lib/store/records/identity.ts";
import { CheckboxGroup, RadioGroup } from "./choices.tsx";
import { roleWords } from "./member.tsx";

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

/** The groups of a member in words. */
export function groupWords(groups: readonly number[]): string[] {
  return groups.map((group) => `Level ${group}`);
}
