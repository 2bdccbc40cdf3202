import type { ComponentChildren } from "preact";
import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { CheckboxField, RadioGroup } from "../../../components/choices.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Section } from "../../../components/layout.tsx";
import type { OrgChange } from "../../../lib/catalog/org_settings.ts";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import {
  attempted,
  type AttemptedForm,
  shownField,
  shownState,
} from "../../dashboard/attempted.ts";
import { checkbox, text, whole } from "../../dashboard/form.ts";
import type { Attempt } from "../../dashboard/page.ts";
import { orgChange } from "../../fields/policy.ts";

/** What a group's fields are drawn from. */
interface Drawn {
  readonly org: OrgRecord;
  readonly form: AttemptedForm;
  /** Whether the one who looks may let more through: owners. */
  readonly mayWiden: boolean;
}

/** The settings, for whoever may change some of them. */
export function SettingsForms({ org, attempt, mayWiden }: {
  readonly org: OrgRecord;
  readonly attempt: Attempt | null;
  readonly mayWiden: boolean;
}) {
  const drawn = (group: SettingGroup) => ({ org, form: attempted(attempt, group), mayWiden });
  return (
    <>
      <p class="quiet">
        {mayWiden
          ? "A change that lets more through asks for your passkey."
          : "What lets more through is for owners. Where your role ends, the field says so."}
      </p>
      <Group group="general" title="General" drawn={drawn("general")}>
        <NameField {...drawn("general")} />
      </Group>
      <Group group="deadlines" title="How long things wait" drawn={drawn("deadlines")}>
        <NumberField {...drawn("deadlines")} name="approval_timeout_seconds" widens="up" />
        <NumberField {...drawn("deadlines")} name="approval_use_seconds" widens="up" />
        <NumberField {...drawn("deadlines")} name="report_within_seconds" widens="never" />
      </Group>
      <Group group="deciding" title="Who decides" drawn={drawn("deciding")}>
        <SwitchField {...drawn("deciding")} name="separation_of_duties" tight />
        <SwitchField {...drawn("deciding")} name="strict_levels" tight />
        <SwitchField {...drawn("deciding")} name="api_decisions" tight={false} />
        <NumberField {...drawn("deciding")} name="recovery_hold_hours" widens="down" />
      </Group>
      <Group group="unknown_tools" title="Unknown tools" drawn={drawn("unknown_tools")}>
        <DiscoveryField {...drawn("unknown_tools")} />
      </Group>
      <Group group="records" title="What is kept" drawn={drawn("records")}>
        <SwitchField {...drawn("records")} name="retain_arguments" tight={null} />
        <SwitchField {...drawn("records")} name="allow_personal_ids" tight={false} />
      </Group>
    </>
  );
}

function Group({ group, title, drawn: { org, form }, children }: {
  readonly group: SettingGroup;
  readonly title: string;
  readonly drawn: Drawn;
  readonly children: ComponentChildren;
}) {
  return (
    <Section title={title} id={group}>
      <Form do={group} hidden={{ shown: shownState(groupState(org, group)) }} layout="stack">
        <FieldErrors errors={form.errors} />
        {children}
        <FormActions>
          <Button variant="primary">Save</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

function NameField({ org, form }: Drawn) {
  return (
    <TextField
      name="name"
      {...SETTING_WORDS.name}
      value={form.value("name", org.name)}
      error={form.error("name")}
      maxLength={100}
      required
    />
  );
}

function NumberField({ org, form, mayWiden, name, widens }: Drawn & {
  readonly name: Extract<
    SettingName,
    `${string}_seconds` | "recovery_hold_hours"
  >;
  /** Which way it lets more through. */
  readonly widens: "up" | "down" | "never";
}) {
  const { label, hint } = SETTING_WORDS[name];
  const bound = mayWiden || widens === "never"
    ? {}
    : { [widens === "up" ? "max" : "min"]: org[name] };
  const reason = Object.keys(bound).length === 0
    ? ""
    : ` Only an owner can make it ${widens === "up" ? "longer" : "shorter"}.`;
  return (
    <TextField
      name={name}
      label={label}
      hint={`${hint}${reason}`}
      type="number"
      value={form.value(name, org[name])}
      error={form.error(name)}
      step={1}
      {...bound}
      required
    />
  );
}

function SwitchField({ org, form, mayWiden, name, tight }: Drawn & {
  readonly name: Extract<
    SettingName,
    | "separation_of_duties"
    | "strict_levels"
    | "api_decisions"
    | "retain_arguments"
    | "allow_personal_ids"
  >;
  /** As which it lets less through; null when it lets nothing through either way. */
  readonly tight: boolean | null;
}) {
  const { label, hint } = SETTING_WORDS[name];
  const locked = !mayWiden && org[name] === tight;
  const reason = locked ? ` Only an owner can turn it ${tight ? "off" : "on"}.` : "";
  return (
    <>
      <CheckboxField
        name={name}
        label={label}
        hint={`${hint}${reason}`}
        checked={locked ? org[name] : form.checked(name, org[name])}
        error={form.error(name)}
        disabled={locked}
      />
      {/* What is disabled is not sent, which would read as off. */}
      {locked && org[name] && <input type="hidden" name={name} value="on" />}
    </>
  );
}

function DiscoveryField({ org, form, mayWiden }: Drawn) {
  const ways = Object.keys(DISCOVERY_WORDS) as OrgRecord["discovery"][];
  const isWider = (way: OrgRecord["discovery"]) => ways.indexOf(way) < ways.indexOf(org.discovery);
  const { label, hint } = SETTING_WORDS.discovery;
  return (
    <RadioGroup
      name="discovery"
      label={label}
      hint={hint}
      error={form.error("discovery")}
      value={form.value("discovery", org.discovery)}
      required
      options={ways.map((value) => {
        const words = DISCOVERY_WORDS[value];
        return mayWiden || !isWider(value)
          ? { value, ...words }
          : { value, ...words, hint: `${words.hint} Only an owner can choose it.`, disabled: true };
      })}
    />
  );
}

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
