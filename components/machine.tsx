import { DEFAULT_RATE_LIMIT } from "../lib/identity/machine_fields.ts";
import { CheckboxField } from "./choices.tsx";
import { TextAreaField, TextField } from "./fields.tsx";
import { SelectField } from "./select_field.tsx";

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
          hint="A tool may require one."
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
