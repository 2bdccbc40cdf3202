import type { ComponentChildren } from "preact";

export interface CodeBlockProps {
  readonly code: string;
  /** What it is, over the block, such as the language or the file's name. */
  readonly label?: string;
  /** A copy button; an island renders it, since copying needs script. */
  readonly copy?: ComponentChildren;
  /** False keeps long lines whole and lets the block scroll within itself. */
  readonly wrap?: boolean;
}

/** Text to be copied or read letter by letter. */
export function CodeBlock({ code, label, copy, wrap = true }: CodeBlockProps) {
  return (
    <div class="code">
      {(label !== undefined || copy !== undefined) && (
        <div class="code-head">
          <span class="code-label">{label}</span>
          {copy}
        </div>
      )}
      <pre class={wrap ? "code-wrap" : "code-scroll"} tabIndex={wrap ? undefined : 0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}

/** An id, a name or a digest within a sentence; it wraps anywhere. */
export function Mono({ children }: { readonly children: ComponentChildren }) {
  return <code class="mono">{children}</code>;
}
