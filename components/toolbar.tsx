import type { ComponentChildren } from "preact";

export interface ToolbarProps {
  readonly children: ComponentChildren;
  /** What stands at the far end. */
  readonly end?: ComponentChildren;
}

/** Controls over a list. */
export function Toolbar({ children, end }: ToolbarProps) {
  return (
    <div class="toolbar">
      <div class="toolbar-start">{children}</div>
      {end !== undefined && <div class="toolbar-end">{end}</div>}
    </div>
  );
}
