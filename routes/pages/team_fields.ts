import { z } from "zod";
import { type MemberRecord, ROLES } from "../../lib/store/records/identity.ts";
import { several, text } from "../dashboard/form.ts";

const group = z.enum(["1", "2"], "must be 1 or 2").transform((value) =>
  value === "1" ? 1 as const : 2 as const
);

/** Role and groups of a member as a form sends them. */
export const memberFormFields = {
  role: text(z.enum(ROLES, "must be one of the roles")),
  groups: several(group).transform((groups) => [...new Set(groups)]),
};

/** The address of a member in the path of their page; in lower case, as it is stored. */
export const emailInPath = z.string().max(254).transform((email) => email.toLowerCase());

/** The address of a member's page. */
export function memberPath({ email }: Pick<MemberRecord, "email">): string {
  return `/team/${encodeURIComponent(email)}`;
}
