import type { ComponentChildren } from "preact";
import { visibleText } from "../lib/text/visible_text.ts";
import { Icon } from "./icon.tsx";

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
