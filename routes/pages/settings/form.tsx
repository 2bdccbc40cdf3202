import type { ComponentChildren } from "preact";
import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { CheckboxField, RadioGroup } from "../../../components/choices.tsx";
import { type CountedIn, countedWords, DurationField } from "../../../components/duration.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Section } from "../../../components/layout.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import type { OrgChange } from "../../../lib/catalog/org_settings.ts";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import {
  attempted,
  type AttemptedForm,
  shownField,
  shownState,
} from "../../dashboard/attempted.ts";
import { checkbox, duration, lines, text, whole } from "../../dashboard/form.ts";
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
        <SpanField {...drawn("deadlines")} name="approval_timeout_seconds" widens="up" />
        <SpanField {...drawn("deadlines")} name="approval_use_seconds" widens="up" />
        <SpanField {...drawn("deadlines")} name="report_within_seconds" widens="never" />
      </Group>
      <Group group="deciding" title="Who decides" drawn={drawn("deciding")}>
        <SwitchField {...drawn("deciding")} name="separation_of_duties" tight />
        <SwitchField {...drawn("deciding")} name="strict_levels" tight />
        <SwitchField {...drawn("deciding")} name="api_decisions" tight={false} />
        <SpanField {...drawn("deciding")} name="recovery_hold_hours" widens="down" />
      </Group>
      <Group group="users" title="What users confirm" drawn={drawn("users")}>
        <ChoiceField {...drawn("users")} name="confirm_by" words={CONFIRM_WORDS} />
      </Group>
      <Group group="unknown_tools" title="Unknown tools" drawn={drawn("unknown_tools")}>
        <ChoiceField {...drawn("unknown_tools")} name="discovery" words={DISCOVERY_WORDS} />
      </Group>
      <Group group="drafts" title="Drafts of unknown tools" drawn={drawn("drafts")}>
        <CountField {...drawn("drafts")} name="discovery_max_per_hour" />
        <CountField {...drawn("drafts")} name="discovery_max_per_caller_per_hour" />
        <CountField {...drawn("drafts")} name="discovery_max_untriaged" />
      </Group>
      <Group group="allowly" title="Clients of Allowly" drawn={drawn("allowly")}>
        <SwitchField {...drawn("allowly")} name="allowly" tight={false} />
        <SwitchField {...drawn("allowly")} name="register_from_policies" tight={false} />
      </Group>
      <Group group="budgets" title="Budgets of mandates" drawn={drawn("budgets")}>
        <PercentsField {...drawn("budgets")} />
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
          <Button>Save</Button>
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

function PercentsField({ org, form }: Drawn) {
  return (
    <TextField
      name="budget_alert_percent"
      {...SETTING_WORDS.budget_alert_percent}
      value={form.value("budget_alert_percent", org.budget_alert_percent.join(", "))}
      error={form.error("budget_alert_percent")}
      maxLength={64}
      inputMode="text"
    />
  );
}

function SpanField({ org, form, mayWiden, name, widens }: Drawn & {
  readonly name: SpanName;
  /** Which way it lets more through. */
  readonly widens: "up" | "down" | "never";
}) {
  const { label, hint } = SETTING_WORDS[name];
  const { minValue, maxValue } = bounds[name].unwrap();
  const isBound = !mayWiden && widens !== "never";
  const countedIn = countedInOf(name);
  const now = countedWords(org[name], countedIn);
  const reason = isBound
    ? ` Only an owner can make it ${widens === "up" ? "longer" : "shorter"} than ${now}.`
    : "";
  return (
    <DurationField
      name={name}
      label={label}
      hint={`${hint}${reason}`}
      value={form.values(name, [`${org[name]}`])}
      error={form.error(name)}
      countedIn={countedIn}
      min={isBound && widens === "down" ? org[name] : minValue ?? 0}
      max={isBound && widens === "up" ? org[name] : maxValue ?? Infinity}
    />
  );
}

/** How many of something there may be: more lets more through. */
function CountField({ org, form, mayWiden, name }: Drawn & {
  readonly name: Extract<SettingName, `discovery_max_${string}`>;
}) {
  const { label, hint } = SETTING_WORDS[name];
  const reason = mayWiden ? "" : ` Only an owner can allow more than ${org[name]}.`;
  return (
    <TextField
      name={name}
      type="number"
      label={label}
      hint={`${hint}${reason}`}
      value={form.value(name, org[name])}
      error={form.error(name)}
      min={0}
      max={(mayWiden ? bounds[name].unwrap().maxValue : org[name]) ?? undefined}
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
    | "allowly"
    | "register_from_policies"
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

/** One of several ways, the widest first. */
function ChoiceField({ org, form, mayWiden, name, words }: Drawn & {
  readonly name: "discovery" | "confirm_by";
  readonly words: Readonly<Record<string, SettingWords>>;
}) {
  const ways = Object.entries(words);
  const now = ways.findIndex(([way]) => way === org[name]);
  const { label, hint } = SETTING_WORDS[name];
  return (
    <RadioGroup
      name={name}
      label={label}
      hint={hint}
      error={form.error(name)}
      value={form.value(name, org[name])}
      required
      options={ways.map(([value, said], i) => {
        return mayWiden || i >= now
          ? { value, ...said }
          : { value, ...said, hint: `${said.hint} Only an owner can choose it.`, disabled: true };
      })}
    />
  );
}

/** The settings of an organization as the page groups them, each group a form of its own. */

/** Every setting that a form sets; the kill switch is none of them. */
export type SettingName = Exclude<keyof OrgChange, "kill_switch">;

type SpanName = Extract<SettingName, `${string}_seconds` | `${string}_hours`>;

/** Whether a setting is a span of time. */
export function isSpan(name: SettingName): name is SpanName {
  return name.endsWith("_seconds") || name.endsWith("_hours");
}

/** What a setting that is a span of time is counted in. */
export function countedInOf(name: SpanName): CountedIn {
  return name === "recovery_hold_hours" ? "hours" : "seconds";
}

const bounds = orgChange.shape;

/** Each group of settings as its form sends it. */
export const SETTING_GROUPS = {
  general: z.strictObject({ shown: shownField, name: text(bounds.name.unwrap()) }),
  deadlines: z.strictObject({
    shown: shownField,
    approval_timeout_seconds: duration(bounds.approval_timeout_seconds.unwrap()),
    approval_use_seconds: duration(bounds.approval_use_seconds.unwrap()),
    report_within_seconds: duration(bounds.report_within_seconds.unwrap()),
  }),
  deciding: z.strictObject({
    shown: shownField,
    separation_of_duties: checkbox,
    strict_levels: checkbox,
    api_decisions: checkbox,
    recovery_hold_hours: duration(bounds.recovery_hold_hours.unwrap(), "hours"),
  }),
  users: z.strictObject({
    shown: shownField,
    confirm_by: text(bounds.confirm_by.unwrap()),
  }),
  unknown_tools: z.strictObject({
    shown: shownField,
    discovery: text(bounds.discovery.unwrap()),
  }),
  drafts: z.strictObject({
    shown: shownField,
    discovery_max_per_hour: whole(bounds.discovery_max_per_hour.unwrap()),
    discovery_max_per_caller_per_hour: whole(bounds.discovery_max_per_caller_per_hour.unwrap()),
    discovery_max_untriaged: whole(bounds.discovery_max_untriaged.unwrap()),
  }),
  allowly: z.strictObject({
    shown: shownField,
    allowly: checkbox,
    register_from_policies: checkbox,
  }),
  budgets: z.strictObject({
    shown: shownField,
    budget_alert_percent: lines(
      z.string().regex(/^[0-9]{1,3}$/, "must be whole numbers, as in 80, 100"),
    ).transform((all) => all.map(Number)).pipe(bounds.budget_alert_percent.unwrap()),
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
): JsonObject {
  const names = Object.keys(SETTING_GROUPS[group].shape).filter((name) => name !== "shown");
  return Object.fromEntries(names.map((name) => [name, org[name as SettingName]]));
}

interface SettingWords {
  readonly label: string;
  readonly hint: string;
}

/** What each setting does, and what it lets through. */
export const SETTING_WORDS: Readonly<Record<SettingName, SettingWords>> = {
  name: {
    label: "Name",
    hint: "What people call the organization: over every page, in mails and invitations.",
  },
  approval_timeout_seconds: {
    label: "Request expires after",
    hint: "Then the agent has to ask again. Longer lets an old request still be approved. A tool " +
      "can have its own.",
  },
  approval_use_seconds: {
    label: "Use an approval within",
    hint: "Longer lets an agent act on an older yes; at most 24 hours. A tool can have its own.",
  },
  report_within_seconds: {
    label: "Report a run within",
    hint: "A run that nobody reported by then counts as unknown. Lets nothing through.",
  },
  separation_of_duties: {
    label: "Somebody else decides",
    hint: "On, whoever answers for an agent or key can't decide what it asks. Off, they can, by " +
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
      "two people approve. Off, people decide, users under their own passkeys, and nothing else.",
  },
  recovery_hold_hours: {
    label: "Hold after a recovery",
    hint: "For so long, whoever came back in by a recovery code can look and throw kill " +
      "switches, and do nothing else here. At most 30 days. Shorter gives a thief of codes a start.",
  },
  budget_alert_percent: {
    label: "Tell webhooks when so much of a budget is spent",
    hint: "Percent, such as 80, 100: each once in the budget's window. Empty tells of none. That " +
      "a budget is overrun is always told.",
  },
  confirm_by: {
    label: "Who says yes for a user",
    hint:
      "To what they want to confirm each time. A user who has a passkey is always asked for it.",
  },
  discovery: {
    label: "A tool that isn't in the catalog",
    hint: "Nothing of it runs without a person, whichever you choose.",
  },
  discovery_max_per_hour: {
    label: "Drafts in an hour",
    hint: "What is asked about beyond that is answered like a draft, and nothing new is listed.",
  },
  discovery_max_per_caller_per_hour: {
    label: "Of these by one agent or key",
    hint: "So that one that invents names leaves room for the others.",
  },
  discovery_max_untriaged: {
    label: "Drafts that wait for a person",
    hint: "Once so many are under Recently Discovered, none is added until some are looked at.",
  },
  allowly: {
    label: "Answer clients of Allowly",
    hint: "Under /allowly, with the keys of this organization. Off, they get 404.",
  },
  register_from_policies: {
    label: "Register what their policies name",
    hint:
      "An action that isn't in the catalog becomes an approved tool that nothing but a mandate " +
      "opens. Off, it is a draft, for which a person is asked.",
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
export const DISCOVERY_WORDS: Readonly<Record<OrgRecord["discovery"], SettingWords>> = {
  all: {
    label: "Becomes a draft",
    hint: "Whoever asks about it is told to ask for approval, and you find it under Recently " +
      "Discovered.",
  },
  mcp: {
    label: "Becomes a draft over MCP, and is refused over REST",
    hint: "For programs of your own that know the catalog, beside MCP clients that don't.",
  },
  off: { label: "Is refused", hint: "Nothing is asked about but what you have registered." },
};

/** Who may say yes for a user, from the widest. */
const CONFIRM_WORDS: Readonly<Record<OrgRecord["confirm_by"], SettingWords>> = {
  app: {
    label: "Your application, by an approver key",
    hint: "It asks them in its own way, and the log says which key said so.",
  },
  passkey: {
    label: "Their passkey alone",
    hint: "Whoever has none can say no. Anybody can check later which key said yes to what.",
  },
};
