import type {
  ComponentChildren,
  InputHTMLAttributes,
  SelectHTMLAttributes,
  TextareaHTMLAttributes,
} from "preact";
import { visibleText } from "../lib/base/text.ts";
import { Icon } from "./icon.tsx";

/** Fields of forms, each tied to its label, hint and error. */

/** What every field has. */
export interface FieldBase {
  readonly name: string;
  readonly label: ComponentChildren;
  /** What to type, where the label is not enough. */
  readonly hint?: ComponentChildren | undefined;
  /** What is wrong with what was typed, and what to type instead. */
  readonly error?: string | undefined;
  /** Needed when the same name stands twice on a page. */
  readonly id?: string | undefined;
}

/** The id of the field of that name; the summary of errors links to it. */
export function fieldId(name: string): string {
  return `field-${name.replaceAll(/[^A-Za-z0-9_-]/g, "-")}`;
}

/** The attributes that tie a control to its hint and its error. */
export function describedBy({ name, hint, error, id = fieldId(name) }: Omit<FieldBase, "label">) {
  const ids = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(error === undefined ? [] : [`${id}-error`]),
  ];
  return {
    "aria-describedby": ids.length > 0 ? ids.join(" ") : undefined,
    "aria-invalid": error === undefined ? undefined : "true" as const,
  };
}

/** The hint and the error of a field, as `describedBy` names them. */
export function FieldNotes({ id, hint, error }: {
  readonly id: string;
  readonly hint?: ComponentChildren | undefined;
  readonly error?: string | undefined;
}) {
  return (
    <>
      {hint !== undefined && <p class="field-hint" id={`${id}-hint`}>{hint}</p>}
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          <Icon name="warning" size="small" />
          {/* It can repeat what was typed, or what a link had typed in. */}
          <span>{visibleText(error)}</span>
        </p>
      )}
    </>
  );
}

type TakenOfText =
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

export interface TextAreaFieldProps extends FieldBase, Omit<TextareaHTMLAttributes, TakenOfText> {
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

/** One entry of a list. */
export interface Option {
  readonly value: string;
  readonly label: string;
  readonly disabled?: boolean;
}

type TakenOfSelect =
  | keyof FieldBase
  | "role"
  | "class"
  | "className"
  | "value"
  | "label"
  | "children";

export interface SelectFieldProps extends FieldBase, Omit<SelectHTMLAttributes, TakenOfSelect> {
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

/** What a text field proposes while one types; the field names it as its `list`. */
export function Suggestions({ id, values }: {
  readonly id: string;
  readonly values: readonly string[];
}) {
  return (
    <datalist id={id}>
      {values.map((value) => <option key={value} value={value} />)}
    </datalist>
  );
}
