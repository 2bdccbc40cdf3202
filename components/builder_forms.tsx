import type { ItemKind } from "../lib/builder/item.ts";
import type { RefusedForm } from "../lib/onboarding/builder_state.ts";
import { BuilderPolicyFields } from "./builder.tsx";
import { BuilderMachineFields } from "./builder_machine_fields.tsx";
import { Button } from "./button.tsx";
import { Disclosure } from "./disclosure.tsx";
import { FieldErrors } from "./field_errors.tsx";
import { FormActions } from "./form.tsx";

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
