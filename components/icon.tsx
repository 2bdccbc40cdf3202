import { ICON_PATHS, type IconName } from "./icon_paths.ts";

export interface IconProps {
  readonly name: IconName;
  /** `small` sits in badges and hints, `large` in empty states. */
  readonly size?: "small" | "medium" | "large";
}

/** One stroke drawing in the colour of the text. Decorative: a word always stands beside it. */
export function Icon({ name, size = "medium" }: IconProps) {
  return (
    <svg class={`icon icon-${size}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={ICON_PATHS[name]} />
    </svg>
  );
}
