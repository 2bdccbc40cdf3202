import { type ComponentChildren, createContext, type FormHTMLAttributes } from "preact";
import { useContext } from "preact/hooks";
import { visibleText } from "../lib/base/text.ts";
import { fieldId } from "./fields.tsx";
import { Icon } from "./icon.tsx";

/** A form as pages declare it, and its errors in one place. */

export interface FormProps extends
  Omit<
    FormHTMLAttributes,
    "method" | "action" | "hidden" | "class" | "className" | "children"
  > {
  /** What the form asks the page to do; travels as the hidden field `do`. */
  readonly do: string;
  /** Where it is posted; the page's own address when absent. */
  readonly action?: string;
  /** Further hidden fields by name; a list makes one field each. */
  readonly hidden?: Readonly<Record<string, string | readonly string[]>>;
  /** `stack` puts fields under each other, `inline` beside each other, `plain` does nothing. */
  readonly layout?: "stack" | "inline" | "plain";
  readonly children: ComponentChildren;
}

/** A form that posts to its page. It works without script. */
export function Form(
  { do: name, action, hidden = {}, layout = "plain", children, ...rest }: FormProps,
) {
  const org = useContext(PageOrg);
  return (
    <form
      method="post"
      class={`form form-${layout}`}
      {...(action === undefined ? {} : { action })}
      {...rest}
    >
      <input type="hidden" name="do" value={name} />
      {org !== null && <input type="hidden" name={PAGE_ORG} value={org} />}
      {Object.entries(hidden).flatMap(([field, value]) =>
        (typeof value === "string" ? [value] : value).map((one) => (
          <input key={`${field} ${one}`} type="hidden" name={field} value={one} />
        ))
      )}
      {children}
    </form>
  );
}

/** The buttons at the end of a form, the main one first. */
export function FormActions({ children }: { readonly children: ComponentChildren }) {
  return <div class="form-actions">{children}</div>;
}

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
            ? "One thing isn't right yet"
            : `${errors.length} things aren't right yet`}
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

/** The hidden field in which a form says of which org its page is. */
export const PAGE_ORG = "page_org";

/**
 * The org that the page is of; null where it is of none, and within an island. A session looks at one
 * org at a time, and a page that stayed open in another tab must not change the next one's.
 */
export const PageOrg = createContext<string | null>(null);
