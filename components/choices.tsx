import type { ComponentChildren, InputHTMLAttributes } from "preact";
import type { Permission } from "../lib/store/records/vocabulary.ts";
import { PermissionBadge } from "./badges.tsx";
import { describedBy, type FieldBase, fieldId, FieldNotes } from "./fields.tsx";

/** Fields that choose: boxes, radio groups, permissions. */

type Taken =
  | keyof FieldBase
  | "role"
  | "class"
  | "className"
  | "type"
  | "checked"
  | "value"
  | "children";

export interface CheckboxFieldProps extends FieldBase, Omit<InputHTMLAttributes, Taken> {
  readonly checked?: boolean | undefined;
  /** What is sent when it is ticked. */
  readonly value?: string;
}

/** One thing that is so or not so. */
export function CheckboxField(props: CheckboxFieldProps) {
  const { name, label, hint, error, id = fieldId(name), value = "on", checked, ...rest } = props;
  return (
    <div class="field">
      <label class="choice" for={id}>
        <input
          type="checkbox"
          id={id}
          name={name}
          value={value}
          checked={checked}
          {...rest}
          {...describedBy({ name, hint, error, id })}
        />
        <span class="choice-label">{label}</span>
      </label>
      <div class="choice-notes">
        <FieldNotes id={id} hint={hint} error={error} />
      </div>
    </div>
  );
}

/** One entry of a group. */
export interface Choice {
  readonly value: string;
  readonly label: ComponentChildren;
  readonly hint?: ComponentChildren;
  readonly disabled?: boolean;
}

export interface ChoiceGroupProps extends FieldBase {
  readonly options: readonly Choice[];
  /** `row` for a few short entries. */
  readonly layout?: "stack" | "row";
}

export interface RadioGroupProps extends ChoiceGroupProps {
  /** The entry that is chosen; none when absent. */
  readonly value?: string | undefined;
  readonly required?: boolean;
}

/** One of a few entries, all in sight. */
export function RadioGroup({ value, required = false, ...group }: RadioGroupProps) {
  return <Choices {...group} type="radio" required={required} isChosen={(one) => one === value} />;
}

export interface CheckboxGroupProps extends ChoiceGroupProps {
  /** The entries that are ticked. */
  readonly values?: readonly string[] | undefined;
}

/** Any of a few entries, all in sight; each ticked one is sent under the same name. */
export function CheckboxGroup({ values = [], ...group }: CheckboxGroupProps) {
  return (
    <Choices
      {...group}
      type="checkbox"
      required={false}
      isChosen={(one) => values.includes(one)}
    />
  );
}

interface ChoicesProps extends ChoiceGroupProps {
  readonly type: "radio" | "checkbox";
  readonly required: boolean;
  readonly isChosen: (value: string) => boolean;
}

function Choices(props: ChoicesProps) {
  const { name, label, hint, error, options, layout = "stack", type, required, isChosen } = props;
  const id = props.id ?? fieldId(name);
  const { "aria-describedby": described } = describedBy({ name, hint, error, id });
  return (
    <fieldset class="field choices" id={id} tabIndex={-1} aria-describedby={described}>
      <legend class="field-label">{label}</legend>
      <div class={`choices-list choices-${layout}`}>
        {options.map((option, index) => (
          <label key={option.value} class="choice" for={`${id}-${index}`}>
            <input
              type={type}
              id={`${id}-${index}`}
              name={name}
              value={option.value}
              checked={isChosen(option.value)}
              disabled={option.disabled}
              required={required}
              aria-describedby={option.hint === undefined ? undefined : `${id}-${index}-hint`}
              aria-invalid={error === undefined ? undefined : "true"}
            />
            <span class="choice-text">
              <span class="choice-label">{option.label}</span>
              {option.hint !== undefined && (
                <span class="choice-hint" id={`${id}-${index}-hint`}>{option.hint}</span>
              )}
            </span>
          </label>
        ))}
      </div>
      <FieldNotes id={id} hint={hint} error={error} />
    </fieldset>
  );
}

const CONSEQUENCES: Readonly<Record<Permission, string>> = {
  allowed: "It runs at once, and nobody is asked.",
  requires_approval: "It waits until a person has seen it and approved it with their passkey.",
  disabled: "It is refused, and nobody can approve it.",
};

const ORDER: readonly Permission[] = ["allowed", "requires_approval", "disabled"];

export interface PermissionFieldProps {
  readonly name: string;
  readonly label: ComponentChildren;
  readonly hint?: ComponentChildren;
  readonly error?: string | undefined;
  readonly id?: string;
  /** The permission that is chosen, or empty. */
  readonly value?: string;
  readonly required?: boolean;
  /** What choosing none means; offered only with this. */
  readonly none?: string;
}

/** One of the three permissions, each with what it leads to. */
export function PermissionField({ none, value = "", ...field }: PermissionFieldProps) {
  const options = ORDER.map((permission) => ({
    value: permission as string,
    label: <PermissionBadge permission={permission} />,
    hint: CONSEQUENCES[permission],
  }));
  const unset = { value: "", label: <PermissionBadge permission={null} />, hint: none };
  const chosen = value !== "" ? value : none === undefined ? undefined : "";
  return (
    <RadioGroup
      {...field}
      value={chosen}
      options={none === undefined ? options : [unset, ...options]}
    />
  );
}
