import type { ComponentChildren } from "preact";

/** One fact about a thing. */
export interface Definition {
  readonly term: string;
  readonly value: ComponentChildren;
  /** Monospace, for ids and digests. */
  readonly mono?: boolean;
}

/** Facts about a thing: names at the left, values at the right, one under the other on a phone. */
export function Definitions({ items }: { readonly items: readonly Definition[] }) {
  return (
    <dl class="definitions">
      {items.map(({ term, value, mono }) => (
        <div key={term} class="definition">
          <dt>{term}</dt>
          <dd class={mono ? "mono" : undefined}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
