import type { ComponentChildren } from "preact";
import { Brand } from "./brand.tsx";

export interface BareProps {
  readonly title: string;
  readonly lead?: ComponentChildren;
  /** What just happened, above the card. */
  readonly notice?: ComponentChildren;
  /** Small print under the card. */
  readonly foot?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** One card in the middle: sign-in, set-up, confirmations and errors. */
export function Bare({ title, lead, notice, foot, children }: BareProps) {
  return (
    <div class="bare">
      <header class="bare-brand">
        <a href="/" aria-label="Countersign">
          <Brand />
        </a>
      </header>
      <main id="main" class="bare-main">
        {notice}
        <div class="bare-card">
          <h1>{title}</h1>
          {lead !== undefined && <p class="bare-lead">{lead}</p>}
          {children}
        </div>
        {foot !== undefined && <div class="bare-foot">{foot}</div>}
      </main>
    </div>
  );
}
