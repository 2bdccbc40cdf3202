import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon_paths.ts";

export interface EmptyStateProps {
  readonly icon: IconName;
  /** What would be here. */
  readonly title: string;
  /** How something comes to be here. */
  readonly children?: ComponentChildren;
  /** The button that makes the first one. */
  readonly action?: ComponentChildren;
}

/** What stands where nothing is yet. */
export function EmptyState({ icon, title, children, action }: EmptyStateProps) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size="large" />
      </span>
      <p class="empty-title">{title}</p>
      {children !== undefined && <div class="empty-text">{children}</div>}
      {action !== undefined && <div class="empty-action">{action}</div>}
    </div>
  );
}
