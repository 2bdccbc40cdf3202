import type { ItemKind } from "../lib/onboarding/builder_items.ts";
import type { RefusedForm } from "../lib/onboarding/builder_state.ts";
import { Button } from "./button.tsx";
import { CheckboxField, PermissionField } from "./choices.tsx";
import { SelectField, TextAreaField, TextField } from "./fields.tsx";
import { FieldErrors, FormActions } from "./form.tsx";
import { Disclosure } from "./layout.tsx";

/** The forms of the API Builder. */

/** A form as it is to be shown: as it was typed where it was refused, else empty. */
export class TypedForm {
  readonly #fields: URLSearchParams;
  readonly #errors: RefusedForm["errors"];

  constructor(readonly kind: ItemKind, refused: RefusedForm | null) {
    const own = refused?.kind === kind ? refused : null;
    this.#fields = new URLSearchParams(own?.fields ?? "");
    this.#errors = own?.errors ?? [];
  }

  /** What a field needs besides its label. Several forms of the page have fields of one name. */
  field(name: string, otherwise = "") {
    return {
      name,
      id: `field-${this.kind}-${name}`,
      value: this.#fields.get(name) ?? otherwise,
      error: this.#errors.find((error) => error.name === name)?.message,
    };
  }

  box(name: string) {
    const { value: _, ...field } = this.field(name);
    return { ...field, checked: this.#fields.has(name) };
  }

  get errors() {
    return this.#errors.map(({ name, message }) => ({
      name: name === null ? null : `${this.kind}-${name}`,
      message: name === null ? message : `${name.replaceAll("_", " ")}: ${message}`,
    }));
  }
}

const FORMS: readonly { readonly kind: ItemKind; readonly title: string; readonly add: string }[] =
  [
    { kind: "tool", title: "Tool: what agents can call", add: "Add the tool" },
    { kind: "tenant", title: "Tenant: a customer of yours", add: "Add the tenant" },
    { kind: "resource", title: "Resource: what is acted on", add: "Add the resource" },
    { kind: "rule", title: "Rule: what may run", add: "Add the rule" },
    { kind: "agent", title: "Agent: who asks", add: "Add the agent" },
    { kind: "key", title: "Standard key: for agents that share one", add: "Add the key" },
  ];

/** A form for each kind of thing. Sent without script it loads the page with one thing more. */
export function BuilderForms({ open, refused, kept }: {
  /** The kind whose form is open. */
  readonly open: ItemKind | null;
  readonly refused: RefusedForm | null;
  /** What the address holds besides, by name. */
  readonly kept: Readonly<Record<string, string>>;
}) {
  return (
    <>
      {FORMS.map(({ kind, title, add }) => {
        const form = new TypedForm(kind, refused);
        return (
          <Disclosure key={kind} summary={title} open={kind === open}>
            <form method="get" action="/api-builder" class="form form-stack">
              {Object.entries(kept).map(([name, value]) => (
                <input key={name} type="hidden" name={name} value={value} />
              ))}
              <input type="hidden" name="kind" value={kind} />
              <FieldErrors errors={form.errors} />
              {kind === "agent" || kind === "key"
                ? <BuilderMachineFields form={form} />
                : <BuilderPolicyFields form={form} kind={kind} />}
              <FormActions>
                <Button icon="plus">{add}</Button>
              </FormActions>
            </form>
          </Disclosure>
        );
      })}
    </>
  );
}

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
        <CheckboxField {...form.box("read_only")} label="Only reads" />
        <CheckboxField {...form.box("destructive")} label="Can delete or overwrite" />
        <CheckboxField {...form.box("idempotent")} label="Safe to repeat" />
        <CheckboxField {...form.box("open_world")} label="Leaves your systems" />
      </fieldset>
      <PermissionField
        {...form.field("default_permission", "requires_approval")}
        label="Default permission"
        hint="Used when no rule matches."
      />
      <CheckboxField
        {...form.box("requires_second_approval")}
        label="Needs two people"
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
