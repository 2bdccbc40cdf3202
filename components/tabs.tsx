/** One view of a page. */
export interface Tab {
  readonly label: string;
  readonly href: string;
  readonly current: boolean;
  /** How many things it shows. */
  readonly count?: number | undefined;
}

/** Views of one page, as links. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      <ul>
        {tabs.map((tab) => (
          <li key={tab.href}>
            <a class="tab" href={tab.href} aria-current={tab.current ? "page" : undefined}>
              {tab.label}
              {tab.count !== undefined && <span class="tab-count">{tab.count}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
