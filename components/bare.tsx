import type { ComponentChildren } from "preact";
import { visibleLine } from "../lib/base/text.ts";
import { Brand } from "./shell.tsx";

/** A page without the frame: for who is not signed in, and for what ends everything. */

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

export interface DocumentProps {
  /** What the page shows; the name of the product is added. */
  readonly title: string;
  /** Address of the stylesheet. */
  readonly stylesheet: string;
  /** Address of the module script, or null on pages without one. */
  readonly script?: string | null;
  /** Where the icons and the manifest are served. */
  readonly assets?: string;
  /** Seconds after which the page loads itself again, for pages that wait without a script. */
  readonly refresh?: number;
  readonly children: ComponentChildren;
}

/** The whole HTML document; the caller puts `<!doctype html>` before it. */
export function Document(
  { title, stylesheet, script = null, assets = "/static", refresh, children }: DocumentProps,
) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${visibleLine(title)} · Countersign`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
        <meta name="color-scheme" content="light dark" />
        <meta name="theme-color" content="#f6f6f2" media="(prefers-color-scheme: light)" />
        <meta name="theme-color" content="#0e1116" media="(prefers-color-scheme: dark)" />
        {refresh !== undefined && <meta http-equiv="refresh" content={String(refresh)} />}
        <link rel="stylesheet" href={stylesheet} />
        <link rel="icon" href={`${assets}/icon.svg`} type="image/svg+xml" />
        <link rel="apple-touch-icon" href={`${assets}/icon_192.png`} />
        <link rel="manifest" href={`${assets}/manifest.webmanifest`} />
        {script !== null && <script type="module" src={script}></script>}
      </head>
      <body>{children}</body>
    </html>
  );
}
