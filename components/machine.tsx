import { type ComponentChildren, Fragment } from "preact";
import { DEFAULT_RATE_LIMIT } from "../lib/catalog/api_keys.ts";
import { Tags } from "./badges.tsx";
import { CheckboxField } from "./choices.tsx";
import { SelectField, TextAreaField, TextField } from "./fields.tsx";
import type { Definition } from "./layout.tsx";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted.tsx";

/** What keys and agents have in common, in forms and as facts. */

/** What a form about an agent or a key reads its fields from. */
export interface MachineForm {
  value(name: string, otherwise?: string | number | null): string;
  error(name: string): string | undefined;
}

/** An agent or key as it stands. */
export interface Machine {
  readonly name: string;
  readonly trust_tier: number;
  readonly tenant_ids: readonly string[] | null;
  /** Milliseconds since 1970. */
  readonly expires_at: number | null;
  readonly rate_limit_per_minute: number | null;
}

/** A trust tier in words. */
export function tierWords(tier: number): string {
  return tier === 0 ? "0: tools that require none" : tier === 3 ? "3: every tool" : String(tier);
}

/** A moment as a field for dates and times takes it, in UTC; empty for none. */
function fieldTime(at: number | null): string {
  return at === null ? "" : new Date(at).toISOString().slice(0, 16);
}

/** What agents and keys have in common, as fields of a form. */
export function MachineFields({ form, machine }: {
  readonly form: MachineForm;
  /** Null for a new one. */
  readonly machine: Machine | null;
}) {
  const field = (name: keyof Machine) => ({ name, error: form.error(name) });
  const limit = machine === null ? DEFAULT_RATE_LIMIT : machine.rate_limit_per_minute;
  return (
    <>
      <TextField
        {...field("name")}
        label="Name"
        hint="What people call it, and what approvers read."
        value={form.value("name", machine?.name)}
        maxLength={100}
        autoComplete="off"
        required
      />
      <TextAreaField
        {...field("tenant_ids")}
        label="Tenants"
        hint="External ids, one a line. It may act for these alone. Empty: for all."
        value={form.value("tenant_ids", (machine?.tenant_ids ?? []).join("\n"))}
        rows={3}
        spellcheck={false}
        mono
        optional
      />
      <div class="grid-3">
        <SelectField
          {...field("trust_tier")}
          label="Trust tier"
          hint="How far you trust it. A tool can require a tier."
          value={form.value("trust_tier", machine?.trust_tier ?? 0)}
          options={[0, 1, 2, 3].map((tier) => ({ value: `${tier}`, label: tierWords(tier) }))}
        />
        <TextField
          {...field("expires_at")}
          label="Expires (UTC)"
          type="datetime-local"
          hint="Empty: never."
          value={form.value("expires_at", fieldTime(machine?.expires_at ?? null))}
          optional
        />
        <TextField
          {...field("rate_limit_per_minute")}
          label="Requests a minute"
          hint="Empty: no limit."
          value={form.value("rate_limit_per_minute", limit)}
          inputMode="numeric"
          optional
        />
      </div>
    </>
  );
}

/** Whether a standard key also grants mandates. */
export function MayGrantField({ checked }: { readonly checked: boolean }) {
  return (
    <CheckboxField
      name="may_grant"
      label="May grant mandates"
      hint="For a standard key of an application: what its users let agents do."
      checked={checked}
    />
  );
}

/** Whether a management key also says which passkeys speak for users. */
export function UserPasskeysField({ checked }: { readonly checked: boolean }) {
  return (
    <CheckboxField
      name="user_passkeys"
      label="May set the passkeys of users"
      hint="For a management key of an application: whoever holds it says by which passkeys users say yes."
      checked={checked}
    />
  );
}

/** Whether a key also reads what the log keeps private. */
export function AuditPrivateField({ checked }: { readonly checked: boolean }) {
  return (
    <CheckboxField
      name="audit_private"
      label="May read the private parts of the log"
      hint="Names, addresses, reasons and arguments in exports. Each read is in the log."
      checked={checked}
    />
  );
}

/** Tenants that a list names; the page of the machine itself names all. */
const TENANTS_LISTED = 3;

/** The facts that agents and keys have in common. */
export interface MachineRecord {
  readonly id: string;
  readonly trust_tier: number;
  readonly tenant_ids: readonly string[] | null;
  readonly expires_at: number | null;
  readonly rate_limit_per_minute: number | null;
  readonly created_at: number;
}

export interface MachineFactsProps {
  readonly machine: MachineRecord;
  /** E-mail addresses of the members who answer for it, but for those who left. */
  readonly behind: readonly string[];
  readonly lastUsed: number | null;
  readonly now: number;
}

/** What is to be known of an agent or a key on its own page. */
export function machineFacts(props: MachineFactsProps): Definition[] {
  const { machine, behind, lastUsed, now } = props;
  return [
    { term: "Last used", value: <LastUsed at={lastUsed} now={now} /> },
    { term: "Answered for by", value: <Behind behind={behind} /> },
    { term: "Tenants", value: <Tags tags={machine.tenant_ids ?? []} none="All" /> },
    { term: "Trust tier", value: tierWords(machine.trust_tier) },
    { term: "Expires", value: <Expiry at={machine.expires_at} now={now} /> },
    {
      term: "Limit",
      value: machine.rate_limit_per_minute === null
        ? "None"
        : `${machine.rate_limit_per_minute} requests a minute`,
    },
    { term: "Made", value: <Time at={machine.created_at} now={now} /> },
    { term: "Id", value: machine.id, mono: true },
  ];
}

/** Whether an agent or a key has had its time. */
export function isExpired({ expires_at }: Pick<MachineRecord, "expires_at">, now: number): boolean {
  return expires_at !== null && expires_at <= now;
}

/** Who answers for an agent or a key. */
export function Behind({ behind }: { readonly behind: readonly string[] }): ComponentChildren {
  if (behind.length === 0) return <span class="quiet">Nobody</span>;
  return behind.map((email, i) => (
    <Fragment key={email}>
      {i > 0 && ", "}
      <UntrustedText text={email} />
    </Fragment>
  ));
}

/** When it was last used, up to a minute late. */
export function LastUsed({ at, now }: { readonly at: number | null; readonly now: number }) {
  return at === null
    ? <span class="quiet">Never</span>
    : <Time at={at} now={now} show="relative" />;
}

/** Until when it is accepted. */
export function Expiry({ at, now }: { readonly at: number | null; readonly now: number }) {
  return at === null ? <span class="quiet">Never</span> : <Time at={at} now={now} />;
}

/** The tenants that it may act for, in a list. */
export function TenantsCell({ tenants }: { readonly tenants: readonly string[] | null }) {
  const more = (tenants?.length ?? 0) - TENANTS_LISTED;
  const shown = tenants?.slice(0, TENANTS_LISTED) ?? [];
  return <Tags tags={more > 0 ? [...shown, `and ${more} more`] : shown} none="All" />;
}
