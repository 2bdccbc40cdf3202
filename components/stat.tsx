import type { ComponentChildren } from "preact";

export interface StatProps {
  readonly label: string;
  readonly value: ComponentChildren;
  /** What the number counts, or how it changed. */
  readonly note?: ComponentChildren;
  /** Where the number comes from. */
  readonly href?: string;
}

/** One number, large. */
export function Stat({ label, value, note, href }: StatProps) {
  return (
    <div class="stat">
      <dt class="stat-label">{href === undefined ? label : <a href={href}>{label}</a>}</dt>
      <dd class="stat-value">
        {value}
        {note !== undefined && <span class="stat-note">{note}</span>}
      </dd>
    </div>
  );
}

/** Numbers side by side. */
export function Stats({ children }: { readonly children: ComponentChildren }) {
  return <dl class="stats">{children}</dl>;
}
