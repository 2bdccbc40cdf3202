import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon_paths.ts";

/** What a colour means. The word beside it says the same. */
export type Tone = "neutral" | "accent" | "success" | "warning" | "danger";

export interface BadgeProps {
  readonly tone?: Tone;
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}

/** One word about a thing. */
export function Badge({ tone = "neutral", icon, children }: BadgeProps) {
  return (
    <span class={`badge badge-${tone}`}>
      {icon !== undefined && <Icon name={icon} size="small" />}
      <span>{children}</span>
    </span>
  );
}
