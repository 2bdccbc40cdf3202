import { z } from "zod";
import type { OrgChange } from "../../lib/catalog/org_settings.ts";
import type { OrgRecord } from "../../lib/store/records/policy.ts";
import { checkbox, text, whole } from "../dashboard/form.ts";
import { shownField } from "../shown_state.ts";
import { orgChange } from "../v1/org.ts";

/** The settings of an organization as the page groups them, each group a form of its own. */

/** Every setting that a form sets; the kill switch is none of them. */
export type SettingName = Exclude<keyof OrgChange, "kill_switch">;

const bounds = orgChange.shape;

/** Each group of settings as its form sends it. */
export const SETTING_GROUPS = {
  general: z.strictObject({ shown: shownField, name: text(bounds.name.unwrap()) }),
  deadlines: z.strictObject({
    shown: shownField,
    approval_timeout_seconds: whole(bounds.approval_timeout_seconds.unwrap()),
    approval_use_seconds: whole(bounds.approval_use_seconds.unwrap()),
    report_within_seconds: whole(bounds.report_within_seconds.unwrap()),
  }),
  deciding: z.strictObject({
    shown: shownField,
    separation_of_duties: checkbox,
    strict_levels: checkbox,
    api_decisions: checkbox,
    recovery_hold_hours: whole(bounds.recovery_hold_hours.unwrap()),
  }),
  unknown_tools: z.strictObject({
    shown: shownField,
    discovery: text(bounds.discovery.unwrap()),
  }),
  records: z.strictObject({
    shown: shownField,
    retain_arguments: checkbox,
    allow_personal_ids: checkbox,
  }),
};

export type SettingGroup = keyof typeof SETTING_GROUPS;

/** What a group's form was made from. */
export function groupState(
  org: OrgRecord,
  group: SettingGroup,
): Record<string, string | number | boolean> {
  const names = Object.keys(SETTING_GROUPS[group].shape).filter((name) => name !== "shown");
  return Object.fromEntries(names.map((name) => [name, org[name as SettingName]]));
}

/** What each setting does, and what it lets through. */
export const SETTING_WORDS: Readonly<
  Record<SettingName, { readonly label: string; readonly hint: string }>
> = {
  name: {
    label: "Name",
    hint: "What people call the organization: over every page, in mails and invitations.",
  },
  approval_timeout_seconds: {
    label: "A request waits, seconds",
    hint: "60 to 604800 (7 days); 3600 is an hour. Then it expires, and the agent has to ask " +
      "again. Longer lets an old request still be approved. A tool may have a time of its own.",
  },
  approval_use_seconds: {
    label: "An approval is good for, seconds",
    hint: "60 to 86400 (24 hours); 900 is a quarter of an hour. Longer lets an agent act on an " +
      "older yes. A tool may have a time of its own.",
  },
  report_within_seconds: {
    label: "A run is reported within, seconds",
    hint: "60 to 604800 (7 days). One that nobody reported counts as unknown afterwards. Lets " +
      "nothing through.",
  },
  separation_of_duties: {
    label: "Somebody else decides",
    hint: "On, whoever answers for an agent or key cannot decide what it asks. Off, they can, by " +
      "their passkey. Tools that need two people are always decided by others.",
  },
  strict_levels: {
    label: "Refuse when nobody could approve second",
    hint: "On, a request that needs two people is refused while nobody with a passkey is in the " +
      "group Level 2. Off, one approval is then enough, and the log says so.",
  },
  api_decisions: {
    label: "Approver keys may decide",
    hint: "On, a system of yours decides by an approver key, without a passkey, but never what " +
      "two people approve. Off, people decide, and nothing else.",
  },
  recovery_hold_hours: {
    label: "Hold after a recovery, hours",
    hint:
      "0 to 720 (30 days). For so long, whoever came back in by a recovery code can look and throw " +
      "kill switches, and do nothing else here. Shorter gives a thief of codes a start.",
  },
  discovery: {
    label: "A tool that is not in the catalog",
    hint: "Nothing of it runs without a person, whichever you choose.",
  },
  retain_arguments: {
    label: "Keep the arguments of requests that are over",
    hint: "Encrypted, for those who may see them. Off, they are erased once a request has ended. " +
      "Lets nothing through.",
  },
  allow_personal_ids: {
    label: "Allow ids that look personal",
    hint:
      "Ids of tenants and resources, tool names and methods stay in the log for good, beyond any " +
      "erasure. On, they may be personal. Off, one that looks like an e-mail address, a telephone " +
      "number with +, a card or a social security number is refused.",
  },
};

/** By which way in an unknown tool becomes a draft, from the widest. */
export const DISCOVERY_WORDS: Readonly<
  Record<OrgRecord["discovery"], { readonly label: string; readonly hint: string }>
> = {
  all: {
    label: "Becomes a draft",
    hint: "Whoever asks about it is told to ask for approval, and you find it under Recently " +
      "Discovered.",
  },
  mcp: {
    label: "Becomes a draft over MCP, and is refused over REST",
    hint: "For programs of your own that know the catalog, beside MCP clients that do not.",
  },
  off: { label: "Is refused", hint: "Nothing is asked about but what you have registered." },
};
