import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** What a button looks like, and so how much it weighs. */
export interface ButtonLook {
  /** One `primary` a view; `danger` for what cannot be taken back. */
  readonly variant?: "primary" | "secondary" | "danger" | "quiet";
  /** `small` in rows of tables; it stays 44 px high where fingers point. */
  readonly size?: "small" | "medium" | "large";
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}

export type ButtonProps =
  & ButtonLook
  & Omit<ButtonHTMLAttributes, "size" | "icon" | "class" | "className" | "children">;

/** A button; within a form it sends it, unless `type` says `button`. */
export function Button({ variant, size, icon, children, type = "submit", ...rest }: ButtonProps) {
  return (
    <button type={type} class={lookOf({ variant, size })} {...rest}>
      {icon !== undefined && <Icon name={icon} size={size === "small" ? "small" : "medium"} />}
      {children}
    </button>
  );
}

export type ButtonLinkProps =
  & ButtonLook
  & { readonly href: string }
  & Omit<AnchorHTMLAttributes, "href" | "role" | "size" | "class" | "className" | "children">;

/** A link that looks like a button, for going somewhere rather than doing something. */
export function ButtonLink({ variant, size, icon, children, href, ...rest }: ButtonLinkProps) {
  return (
    <a href={href} class={lookOf({ variant, size })} {...rest}>
      {icon !== undefined && <Icon name={icon} size={size === "small" ? "small" : "medium"} />}
      {children}
    </a>
  );
}

function lookOf(look: {
  readonly variant: ButtonLook["variant"] | undefined;
  readonly size: ButtonLook["size"] | undefined;
}): string {
  return `button button-${look.variant ?? "secondary"} button-${look.size ?? "medium"}`;
}
