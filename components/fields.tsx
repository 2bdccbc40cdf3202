import type { InputHTMLAttributes, TextareaHTMLAttributes } from "preact";
import { describedBy, type FieldBase, fieldId, FieldNotes } from "./field_parts.tsx";

type Taken =
  | keyof FieldBase
  | "role"
  | "class"
  | "className"
  | "type"
  | "value"
  | "label"
  | "children";

/** What of an input may be set from outside. */
type Settable =
  | "required"
  | "readOnly"
  | "disabled"
  | "autoComplete"
  | "autoFocus"
  | "inputMode"
  | "placeholder"
  | "minLength"
  | "maxLength"
  | "min"
  | "max"
  | "step"
  | "pattern"
  | "spellcheck"
  | "form"
  | "onInput"
  | "onChange";

export interface TextFieldProps extends FieldBase, Pick<InputHTMLAttributes, Settable> {
  readonly type?:
    | "text"
    | "email"
    | "number"
    | "password"
    | "search"
    | "url"
    | "date"
    | "datetime-local";
  readonly value?: string | number | undefined;
  /** Monospace, for ids and names that are compared letter by letter. */
  readonly mono?: boolean;
  /** Says "optional" beside the label. */
  readonly optional?: boolean;
  /** The id of a `datalist` of suggestions. */
  readonly list?: string | undefined;
}

/** One line to type, under its label. */
export function TextField(props: TextFieldProps) {
  const { name, label, hint, error, id = fieldId(name), type = "text", mono, optional, ...rest } =
    props;
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
        {optional && <span class="field-optional">optional</span>}
      </label>
      <input
        class={mono ? "input mono" : "input"}
        id={id}
        name={name}
        type={type as "text"} // The types of Preact take one literal only.
        {...rest}
        {...describedBy({ name, hint, error, id })}
      />
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}

export interface TextAreaFieldProps extends FieldBase, Omit<TextareaHTMLAttributes, Taken> {
  readonly value?: string | undefined;
  readonly mono?: boolean;
  readonly optional?: boolean;
}

/** Several lines to type, under their label. */
export function TextAreaField(props: TextAreaFieldProps) {
  const { name, label, hint, error, id = fieldId(name), mono, optional, rows = 4, ...rest } = props;
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
        {optional && <span class="field-optional">optional</span>}
      </label>
      <textarea
        class={mono ? "input mono" : "input"}
        id={id}
        name={name}
        rows={rows}
        {...rest}
        {...describedBy({ name, hint, error, id })}
      />
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}
