import type { FieldError } from "../../components/field_errors.tsx";
import type { Attempt } from "./page.ts";

/** A form as it is to be shown: as it was typed where it was refused, else as it stands. */
export interface AttemptedForm {
  /** The text of a field. */
  value(name: string, otherwise?: string | number | null): string;
  /** The ticked ones of several boxes. */
  values(name: string, otherwise?: readonly string[]): string[];
  checked(name: string, otherwise?: boolean): boolean;
  /** What is wrong with a field, or with a part of it. */
  error(name: string): string | undefined;
  /** Everything that is wrong, for `FieldErrors`. */
  readonly errors: readonly FieldError[];
  /** Whether this is the form that was refused. */
  readonly refused: boolean;
}

/** The state of the form that does `name`, after whatever was refused on this page. */
export function attempted(attempt: Attempt | null, name: string): AttemptedForm {
  const own = attempt?.do === name ? attempt : null;
  const problems = (own?.errors ?? []).map(({ path, message }) => ({
    name: path.split("/")[1] ?? "",
    message,
  }));
  return {
    refused: own !== null,
    value: (field, otherwise) => own === null ? `${otherwise ?? ""}` : own.values[field]?.[0] ?? "",
    values: (field, otherwise = []) => [...(own === null ? otherwise : own.values[field] ?? [])],
    checked: (field, otherwise = false) =>
      own === null ? otherwise : (own.values[field] ?? []).length > 0,
    error: (field) => problems.find((problem) => problem.name === field)?.message,
    errors: own === null
      ? []
      : problems.length === 0
      ? [{ name: null, message: own.message }]
      : problems.map(({ name: field, message }) => ({
        name: field === "" ? null : field,
        message: field === "" ? message : `${field.replaceAll("_", " ")}: ${message}`,
      })),
  };
}
