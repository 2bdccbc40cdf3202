import { Button } from "../../components/button.tsx";
import { FieldErrors } from "../../components/field_errors.tsx";
import { TextAreaField, TextField } from "../../components/fields.tsx";
import { Form, FormActions } from "../../components/form.tsx";
import type { ResourceRecord } from "../../lib/store/records/policy.ts";
import type { AttemptedForm } from "../dashboard/attempted.ts";

/** The form that registers a resource, or changes what is said of `resource`. */
export function ResourceForm({ form, resource }: {
  readonly form: AttemptedForm;
  readonly resource: ResourceRecord | null;
}) {
  const metadata = resource === null || Object.keys(resource.metadata).length === 0
    ? ""
    : JSON.stringify(resource.metadata, null, 2);
  return (
    <Form do={resource === null ? "register" : "change"} layout="stack">
      <FieldErrors errors={form.errors} />
      {resource === null && (
        <TextField
          name="id"
          label="External id"
          hint="As agents name it in their calls, such as server-prod-01. Not personal: it stays in
            the log."
          value={form.value("id")}
          error={form.error("id")}
          maxLength={128}
          autoComplete="off"
          mono
          required
        />
      )}
      <div class="grid-2">
        <TextField
          name="name"
          label="Name"
          hint="What people call it."
          value={form.value("name", resource?.name)}
          error={form.error("name")}
          maxLength={200}
          optional
        />
        <TextField
          name="type"
          label="Type"
          hint="What kind of thing it is, such as server or invoice."
          value={form.value("type", resource?.type)}
          error={form.error("type")}
          maxLength={64}
          optional
        />
      </div>
      <TextAreaField
        name="metadata"
        label="Metadata"
        hint="A JSON object for your own use. It decides nothing."
        value={form.value("metadata", metadata)}
        error={form.error("metadata")}
        rows={metadata === "" ? 3 : 8}
        spellcheck={false}
        mono
        optional
      />
      <FormActions>
        <Button variant="primary">{resource === null ? "Register resource" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}
