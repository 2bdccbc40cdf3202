import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon_paths.ts";

export type NoticeTone = "info" | "success" | "warning" | "danger";

const ICONS: Readonly<Record<NoticeTone, IconName>> = {
  info: "info",
  success: "check_circle",
  warning: "warning",
  danger: "cross_circle",
};

export interface NoticeProps {
  readonly tone: NoticeTone;
  readonly title?: ComponentChildren;
  readonly children?: ComponentChildren;
  /** What can be done about it. */
  readonly actions?: ComponentChildren;
  /** False for what was on the page all along: it is not announced. */
  readonly live?: boolean;
}

/** Something that the reader has to know now. Warnings and dangers interrupt a screen reader. */
export function Notice({ tone, title, children, actions, live = true }: NoticeProps) {
  const urgent = tone === "danger" || tone === "warning";
  return (
    <div
      class={`notice notice-${tone}`}
      role={live ? (urgent ? "alert" : "status") : undefined}
    >
      <Icon name={ICONS[tone]} />
      <div class="notice-body">
        {title !== undefined && <p class="notice-title">{title}</p>}
        {children !== undefined && <div class="notice-text">{children}</div>}
        {actions !== undefined && <div class="notice-actions">{actions}</div>}
      </div>
    </div>
  );
}
