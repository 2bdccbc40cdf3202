import type { Segment } from "../lib/text/visible_text.ts";

export interface UntrustedProps {
  readonly segments: readonly Segment[];
  /** Monospace, for ids and arguments. */
  readonly mono?: boolean;
}

/**
 * What an agent or a stranger wrote, whole: what cannot be seen is named, and nothing in it can
 * turn the direction of the text around it.
 */
export function Untrusted({ segments, mono = false }: UntrustedProps) {
  return (
    <bdi class={mono ? "untrusted mono" : "untrusted"}>
      {segments.map(({ text, hidden }, index) =>
        hidden === null
          ? text
          : (
            <span key={index} class="hidden-char" title={`Invisible character ${hidden}`}>
              ⟨{hidden}⟩
            </span>
          )
      )}
    </bdi>
  );
}
