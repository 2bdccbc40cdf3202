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
}

/** The heading of a page, its way up and what can be done with it as a whole. */
export function PageHeader(props: PageHeaderProps) {
  const { title, description, actions, breadcrumb = [], badges } = props;
  return (
    <header class="page-header">
      {breadcrumb.length > 0 && <Breadcrumb crumbs={breadcrumb} />}
      <div class="page-header-row">
        <div class="page-header-text">
          <div class="page-title">
            <h1>{title}</h1>
            {badges}
          </div>
          {description !== undefined && <p class="page-description">{description}</p>}
        </div>
        {actions !== undefined && <div class="page-actions">{actions}</div>}
      </div>
    </header>
  );
}

/** The pages above this one, the highest first. */
export function Breadcrumb({ crumbs }: { readonly crumbs: readonly Crumb[] }) {
  return (
    <nav class="breadcrumb" aria-label="Way up">
      <ol>
        {crumbs.map(({ label, href }) => (
          <li key={href}>
            <a href={href}>
              <Icon name="back" size="small" />
              {label}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}
