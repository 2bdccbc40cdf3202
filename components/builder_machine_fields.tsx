import type { TypedForm } from "./builder_forms.tsx";
import { TextField } from "./fields.tsx";
import { SelectField } from "./select_field.tsx";

/** What an agent or a key is made with. */
export function BuilderMachineFields({ form }: { readonly form: TypedForm }) {
  return (
    <>
      <TextField
        {...form.field("name")}
        label="Name"
        hint="People see it on every request. The secret is made, and printed, by the script's run."
        required
        autoComplete="off"
      />
      <div class="grid-2">
        <SelectField
          {...form.field("trust_tier", "0")}
          label="Trust tier"
          hint="Tools may require one."
          options={["0", "1", "2", "3"].map((tier) => ({ value: tier, label: tier }))}
        />
        <TextField
          {...form.field("tenant_ids")}
          label="Tenants"
          hint="Separated by commas; without any it may act for all."
          mono
          optional
          autoComplete="off"
        />
      </div>
    </>
  );
}
