import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

/** A page above this one. */
export interface Crumb {
  readonly label: string;
  readonly href: string;
}

export interface PageHeaderProps {
  readonly title: ComponentChildren;
  readonly description?: ComponentChildren;
  /** Buttons of the whole page. */
  readonly actions?: ComponentChildren;
  /** The pages above this one, the highest first. */
  readonly breadcrumb?: readonly Crumb[];
  /** Badges beside the title. */
  readonly badges?: ComponentChildren;
  /** Views of the page; on a phone a line of their own. */
  readonly tabs?: ComponentChildren;
}

/**
 * The heading of a page, its way up and what can be done with it as a whole, in a line that stays
 * at the top; under it what there is to know.
 */
export function PageHeader(props: PageHeaderProps) {
  const { title, description, actions, breadcrumb = [], badges, tabs } = props;
  return (
    <>
      <header class="page-header">
        {breadcrumb.length > 0 && <Breadcrumb crumbs={breadcrumb} />}
        <div class="page-title">
          <h1>{title}</h1>
          {badges}
        </div>
        {tabs}
        {actions !== undefined && <div class="page-actions">{actions}</div>}
      </header>
      {description !== undefined && description !== false && (
        <p class="page-description">{description}</p>
      )}
    </>
  );
}

/** The pages above this one, the highest first. */
export function Breadcrumb({ crumbs }: { readonly crumbs: readonly Crumb[] }) {
  return (
    <nav class="breadcrumb" aria-label="Breadcrumb">
      <ol>
        {crumbs.map(({ label, href }) => (
          <li key={href}>
            <a href={href}>
              <Icon name="back" size="small" />
              <span class="crumb">{label}</span>
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

const LIVE_WORDS = {
  connecting: "Connecting…",
  live: "Live",
  lost: "Not live, trying again",
} as const;

/** Whether what is on the page keeps itself up to date. */
export function LiveMark({ state }: { readonly state: keyof typeof LIVE_WORDS }) {
  return (
    <p class={`live live-${state}`}>
      <span class="live-dot" aria-hidden="true"></span>
      {LIVE_WORDS[state]}
    </p>
  );
}
