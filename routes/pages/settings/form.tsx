import type { ComponentChildren } from "preact";
import { Button } from "../../../components/button.tsx";
import { CheckboxField, RadioGroup } from "../../../components/choices.tsx";
import { FieldErrors } from "../../../components/field_errors.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Form, FormActions } from "../../../components/form.tsx";
import { Section } from "../../../components/section.tsx";
import type { OrgRecord } from "../../../lib/store/records/policy.ts";
import { attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { Attempt } from "../../dashboard/page.ts";
import { shownState } from "../../shown_state.ts";
import {
  DISCOVERY_WORDS,
  groupState,
  SETTING_WORDS,
  type SettingGroup,
  type SettingName,
} from "../settings_fields.ts";

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
