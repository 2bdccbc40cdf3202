import type { SelectHTMLAttributes } from "preact";
import { visibleText } from "../lib/text/visible_text.ts";
import { describedBy, type FieldBase, fieldId, FieldNotes } from "./field_parts.tsx";
import { Icon } from "./icon.tsx";

/** One entry of a list. */
export interface Option {
  readonly value: string;
  readonly label: string;
  readonly disabled?: boolean;
}

type Taken = keyof FieldBase | "role" | "class" | "className" | "value" | "label" | "children";

export interface SelectFieldProps extends FieldBase, Omit<SelectHTMLAttributes, Taken> {
  readonly options: readonly Option[];
  /** The entry that is chosen; the first when absent. */
  readonly value?: string | undefined;
  readonly optional?: boolean;
}

/** One of several entries, as a list that opens. */
export function SelectField(props: SelectFieldProps) {
  const { name, label, hint, error, id = fieldId(name), options, value, optional, ...rest } = props;
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
        {optional && <span class="field-optional">optional</span>}
      </label>
      <div class="select">
        <select
          class="input"
          id={id}
          name={name}
          {...rest}
          {...describedBy({ name, hint, error, id })}
        >
          {options.map((option) => (
            <option
              key={option.value}
              value={option.value}
              selected={option.value === value}
              disabled={option.disabled}
            >
              {visibleText(option.label)}
            </option>
          ))}
        </select>
        <Icon name="chevron_down" size="small" />
      </div>
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}
