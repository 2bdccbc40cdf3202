import type { ComponentChildren } from "preact";
import { Button, ButtonLink } from "./button.tsx";
import { Icon } from "./icon.tsx";

export interface FiltersProps {
  /** Address of the list. */
  readonly action: string;
  /** How many filters are in force. */
  readonly active: number;
  /** Query values that stay as they are, such as the tab. */
  readonly keep?: Readonly<Record<string, string>>;
  /** The fields. */
  readonly children: ComponentChildren;
}

/** Fields that narrow a list; the address carries them, so that a view can be shared. */
export function Filters({ action, active, keep = {}, children }: FiltersProps) {
  return (
    <details class="filters" open={active > 0}>
      <summary class="filters-summary">
        <Icon name="filter" size="small" />
        <span>Filters</span>
        {active > 0 && <span class="count">{active}</span>}
      </summary>
      <form class="filters-form" method="get" action={action} role="search">
        {Object.entries(keep).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        {children}
        <div class="filters-actions">
          <Button>Apply</Button>
          {active > 0 && <ButtonLink variant="quiet" href={action}>Clear</ButtonLink>}
        </div>
      </form>
    </details>
  );
}
