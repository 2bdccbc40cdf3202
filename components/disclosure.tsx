import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

export interface DisclosureProps {
  /** What stands there when it is closed. */
  readonly summary: ComponentChildren;
  readonly open?: boolean;
  readonly children: ComponentChildren;
}

/** Something that is opened to be read, without script. */
export function Disclosure({ summary, open = false, children }: DisclosureProps) {
  return (
    <details class="disclosure" open={open}>
      <summary>
        <Icon name="chevron_right" size="small" />
        <span class="disclosure-summary">{summary}</span>
      </summary>
      <div class="disclosure-body">{children}</div>
    </details>
  );
}
