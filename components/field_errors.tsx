import { visibleText } from "../lib/text/visible_text.ts";
import { fieldId } from "./field_parts.tsx";
import { Icon } from "./icon.tsx";

/** What is wrong with one field, or with all of them together. */
export interface FieldError {
  /** The name of the field; null when the message is about none alone. */
  readonly name: string | null;
  readonly message: string;
}

/** Why a form was not accepted, with a way to each field. Nothing when there is nothing to say. */
export function FieldErrors({ errors }: { readonly errors: readonly FieldError[] }) {
  if (errors.length === 0) return null;
  return (
    <div class="notice notice-danger" role="alert" tabIndex={-1}>
      <Icon name="warning" />
      <div class="notice-body">
        <p class="notice-title">
          {errors.length === 1
            ? "One thing is not right yet"
            : `${errors.length} things are not right yet`}
        </p>
        <ul class="notice-list">
          {errors.map(({ name, message }) => (
            <li key={`${name} ${message}`}>
              {name === null
                ? visibleText(message)
                : <a href={`#${fieldId(name)}`}>{visibleText(message)}</a>}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
