import type { ComponentChildren, FormHTMLAttributes } from "preact";
import { useContext } from "preact/hooks";
import { PAGE_ORG, PageOrg } from "./page_org.ts";

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
