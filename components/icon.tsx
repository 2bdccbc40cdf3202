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

/**
 * The drawings of the icons: SVG path data on a 24 by 24 grid, stroked with round ends and never
 * filled. A name that is not here does not type-check.
 */
export const ICON_PATHS = {
  activity: "M3 12h4l2.5-7 5 14 2.5-7h4",
  bundle: "M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  mandate: "M6 3h9l4 4v14H6zM15 3v4h4M9 14l2.5 2.5 4-4.5",
  agent: "M5 9h14v10H5zM12 9V5M12 4.5v.01M9 13v2M15 13v2M2.5 13v3M21.5 13v3",
  approvals: "M12 3l7 3v5c0 5-3 8.2-7 10-4-1.8-7-5-7-10V6zM8.8 12l2.2 2.2 4.2-4.4",
  archive: "M4 4h16v4H4zM5.5 8v12h13V8M10 12h4",
  back: "M11 5l-7 7 7 7M4 12h16",
  ban: "M12 3a9 9 0 100 18 9 9 0 000-18zM5.7 5.7l12.6 12.6",
  bell: "M6 17V10a6 6 0 0112 0v7l1.5 2h-15zM10 21.5h4",
  bolt: "M13 2.5L5 13.5h6l-1 8 8-11h-6z",
  building: "M5 21V4h9v17M14 9h5v12M3 21h18M8 8h3M8 12h3M8 16h3",
  check: "M4.5 12.5l5 5 10-11",
  check_circle: "M12 3a9 9 0 100 18 9 9 0 000-18zM8 12.2l2.8 2.8L16 9.5",
  chevron_down: "M6 9l6 6 6-6",
  chevron_right: "M9 6l6 6-6 6",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5l3.5 2",
  code: "M8.5 7L3.5 12l5 5M15.5 7l5 5-5 5M13.5 4.5l-3 15",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  cross: "M6 6l12 12M18 6L6 18",
  cross_circle: "M12 3a9 9 0 100 18 9 9 0 000-18zM9 9l6 6M15 9l-6 6",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4 20h16",
  draft: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  external: "M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9",
  eye:
    "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z",
  filter: "M4 6h16M7 12h10M10 18h4",
  flame: "M12 3c.5 4 5.5 5.5 5.5 11a5.5 5.5 0 01-11 0c0-2.5 1-4 2.5-5.5C9.5 10.5 12 8 12 3z",
  globe:
    "M12 3a9 9 0 100 18 9 9 0 000-18zM3 12h18M12 3c2.5 2.6 3.7 5.6 3.7 9s-1.2 6.4-3.7 9c-2.5-2.6-3.7-5.6-3.7-9S9.5 5.6 12 3z",
  hourglass: "M6 3h12M6 21h12M7.5 3v3.5L12 12l4.5-5.5V3M7.5 21v-3.5L12 12l4.5 5.5V21",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5l1 2.5h4l1-2.5h5",
  info: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5.5M12 7.5v.01",
  key: "M8 11.5a4 4 0 100 8 4 4 0 000-8zM11 12.5L20 3.5M16 7.5l3 3",
  link:
    "M10 14l4-4M8.5 11L6 13.5a3.54 3.54 0 005 5l2.5-2.5M15.5 13l2.5-2.5a3.54 3.54 0 00-5-5L10.5 8",
  lock: "M5 11h14v9H5zM8 11V8a4 4 0 018 0v3M12 14.5v2",
  mail: "M3 6h18v13H3zM3.5 6.5L12 13l8.5-6.5",
  menu: "M4 7h16M4 12h16M4 17h16",
  minus_circle: "M12 3a9 9 0 100 18 9 9 0 000-18zM8 12h8",
  overview: "M4 4h7v9H4zM15 4h5v5h-5zM15 13h5v7h-5zM4 17h7v3H4z",
  passkey:
    "M9 4a4 4 0 100 8 4 4 0 000-8zM2.5 20c.4-3.6 3-5.5 6.5-5.5 1.2 0 2.3.2 3.2.7M17.5 9.5a3 3 0 00-1.2 5.7V20l1.5 1.5 1.7-1.7-1.2-1.3 1.2-1.3-.9-1.7a3 3 0 00-1.1-6z",
  pause: "M12 3a9 9 0 100 18 9 9 0 000-18zM10 9v6M14 9v6",
  plus: "M12 5v14M5 12h14",
  power: "M12 3v8M7 6.2a8 8 0 1010 0",
  refresh: "M20 11a8 8 0 00-14.5-3.5L4 9M4 4v5h5M4 13a8 8 0 0014.5 3.5L20 15M20 20v-5h-5",
  repeat: "M5 11V9a3 3 0 013-3h11M16 3l3 3-3 3M19 13v2a3 3 0 01-3 3H5M8 21l-3-3 3-3",
  resource: "M4 4h16v6H4zM4 14h16v6H4zM7.5 7v.01M7.5 17v.01M11 7h5M11 17h5",
  rules: "M4 4h7v5H4zM14 9.5h6v4h-6zM14 17h6v4h-6zM7.5 9v10H14M7.5 11.5H14",
  search: "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.5 15.5L20 20",
  settings:
    "M4 8h7M17 8h3M14 5a3 3 0 100 6 3 3 0 000-6zM4 16h3M13 16h7M10 13a3 3 0 100 6 3 3 0 000-6z",
  shield: "M12 3l7 3v5c0 5-3 8.2-7 10-4-1.8-7-5-7-10V6z",
  sign_out: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  team:
    "M9 5a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM2.5 20c.3-3.5 2.7-5 6.5-5s6.2 1.5 6.5 5M15.5 5.4a3.5 3.5 0 010 6.2M18 15.3c2.2.6 3.3 2.2 3.5 4.7",
  tool: "M20.5 7.5l-3.8 3.8-4-4 3.8-3.8a5.5 5.5 0 00-7 7L3.5 16.5l4 4 6-6a5.5 5.5 0 007-7z",
  trash: "M4 6.5h16M9 6.5V4h6v2.5M6 6.5l1 14h10l1-14M10 11v5.5M14 11v5.5",
  undo: "M8 5L4 9l4 4M4 9h10a5.5 5.5 0 010 11H8",
  user: "M12 4a4 4 0 100 8 4 4 0 000-8zM4.5 20.5c.4-4 3.2-5.5 7.5-5.5s7.1 1.5 7.5 5.5",
  warning: "M12 3.5L22 20.5H2zM12 10v5M12 17.7v.01",
} as const;

export type IconName = keyof typeof ICON_PATHS;
