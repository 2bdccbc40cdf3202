import type { TypedForm } from "./builder_forms.tsx";
import { CheckboxField } from "./choices.tsx";
import { TextAreaField, TextField } from "./fields.tsx";
import { PermissionField } from "./permission_field.tsx";
import { SelectField } from "./select_field.tsx";

interface FieldsProps {
  readonly form: TypedForm;
}

/** What a tool, tenant, resource or rule is made of. */
export function BuilderPolicyFields({ form, kind }: FieldsProps & {
  readonly kind: "tool" | "tenant" | "resource" | "rule";
}) {
  switch (kind) {
    case "tool":
      return <ToolFields form={form} />;
    case "tenant":
      return (
        <>
          <ExternalId form={form} />
          <TextField {...form.field("name")} label="Name" optional autoComplete="off" />
        </>
      );
    case "resource":
      return (
        <>
          <ExternalId form={form} />
          <div class="grid-2">
            <TextField {...form.field("name")} label="Name" optional autoComplete="off" />
            <TextField {...form.field("type")} label="Type" optional autoComplete="off" />
          </div>
        </>
      );
    case "rule":
      return <RuleFields form={form} />;
  }
}

function ExternalId({ form }: FieldsProps) {
  return (
    <TextField
      {...form.field("id")}
      label="External id"
      hint="As your systems name it. Not personal: it stays in the log."
      mono
      required
      autoComplete="off"
    />
  );
}

function ToolFields({ form }: FieldsProps) {
  return (
    <>
      <TextField
        {...form.field("name")}
        label="Name"
        hint="As agents call it: letters, digits and _ . : / -"
        mono
        required
        autoComplete="off"
      />
      <TextAreaField
        {...form.field("description")}
        label="Description"
        hint="What it does, for the people who approve it."
        rows={2}
        optional
      />
      <div class="grid-2">
        <TextField {...form.field("category")} label="Category" optional autoComplete="off" />
        <TextField
          {...form.field("tags")}
          label="Tags"
          hint="Separated by commas."
          optional
          autoComplete="off"
        />
      </div>
      <SelectField
        {...form.field("risk_level", "medium")}
        label="Risk"
        options={[
          { value: "low", label: "Low" },
          { value: "medium", label: "Medium" },
          { value: "high", label: "High" },
          { value: "critical", label: "Critical" },
        ]}
      />
      <TextAreaField
        {...form.field("parameters")}
        label="Parameter schema"
        hint="The arguments that it takes, as JSON Schema (2020-12). Without one any are accepted."
        rows={4}
        spellcheck={false}
        mono
        optional
      />
      <fieldset class="field choices">
        <legend class="field-label">What it does to the world</legend>
        <p class="field-hint">Whoever runs the script stands for this.</p>
        <CheckboxField {...form.box("read_only")} label="It only reads" />
        <CheckboxField {...form.box("destructive")} label="It can destroy something" />
        <CheckboxField {...form.box("idempotent")} label="Doing it twice is as doing it once" />
        <CheckboxField {...form.box("open_world")} label="It reaches beyond your own systems" />
      </fieldset>
      <PermissionField
        {...form.field("default_permission", "requires_approval")}
        label="Default permission"
        hint="What holds where no rule speaks of it."
      />
      <CheckboxField
        {...form.box("requires_second_approval")}
        label="Two people approve it, one after the other"
      />
    </>
  );
}

function RuleFields({ form }: FieldsProps) {
  const part = (name: string, label: string) => (
    <TextField {...form.field(name)} label={label} mono optional autoComplete="off" />
  );
  return (
    <>
      <p class="field-hint">
        Name what it speaks of: tool, resource, method or several of them, or a tag alone. With a
        tenant it holds for that tenant only. The most specific rule that fits decides.
      </p>
      <div class="grid-2">
        {part("tool_name", "Tool")}
        {part("resource_id", "Resource")}
        {part("method", "Method")}
        {part("tag", "Tag")}
        {part("tenant_id", "Tenant")}
      </div>
      <PermissionField
        {...form.field("permission", "requires_approval")}
        label="Permission"
      />
      <TextField {...form.field("note")} label="Why it is there" optional autoComplete="off" />
    </>
  );
}
