import { Button } from "../../components/button.tsx";
import { FieldErrors } from "../../components/field_errors.tsx";
import { TextAreaField, TextField } from "../../components/fields.tsx";
import { Form, FormActions } from "../../components/form.tsx";
import type { TenantRecord } from "../../lib/store/records/policy.ts";
import type { AttemptedForm } from "../dashboard/attempted.ts";

/** The form that registers a tenant, or changes what is said of `tenant`. */
export function TenantForm({ form, tenant }: {
  readonly form: AttemptedForm;
  readonly tenant: TenantRecord | null;
}) {
  const metadata = tenant === null || Object.keys(tenant.metadata).length === 0
    ? ""
    : JSON.stringify(tenant.metadata, null, 2);
  return (
    <Form do={tenant === null ? "register" : "change"} layout="stack">
      <FieldErrors errors={form.errors} />
      {tenant === null && (
        <TextField
          name="id"
          label="External id"
          hint="As your systems name the customer. Not personal: it stays in the log."
          value={form.value("id")}
          error={form.error("id")}
          mono
          required
        />
      )}
      <TextField
        name="name"
        label="Name"
        value={form.value("name", tenant?.name)}
        error={form.error("name")}
        optional
      />
      <TextAreaField
        name="metadata"
        label="Metadata"
        hint="A JSON object for your own use"
        value={form.value("metadata", metadata)}
        error={form.error("metadata")}
        mono
        optional
      />
      <FormActions>
        <Button variant="primary">{tenant === null ? "Register tenant" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}
