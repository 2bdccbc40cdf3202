import { html } from "hono/html";

/** Text in HTML, every inserted value escaped. */
export type Html = ReturnType<typeof html>;

/** The frame of a documentation page. */
export function docsPage(title: string, body: Html): Html {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title} · Countersign</title>
        <link rel="stylesheet" href="/docs/style.css">
      </head>
      <body>
    <header class="top"><a class="home" href="/docs">Countersign</a>
    <nav aria-label="Documentation"><a href="/docs">API</a> <a href="/docs/errors">Errors</a>
    <a href="/v1/openapi.json">OpenAPI</a></nav></header>
    ${body}
      </body>
    </html>
  `;
}

/** Prose with `code` in backquotes and blank lines between paragraphs. */
export function prose(text: string): Html[] {
  return text.split(/\n\n+/).map((paragraph) => html`<p>${inline(paragraph)}</p>`);
}

/** One line of prose with `code` in backquotes. */
export function inline(text: string): (string | Html)[] {
  return text.split("`").map((part, i) => i % 2 === 1 ? html`<code>${part}</code>` : part);
}

/** The one stylesheet of the documentation pages; they load nothing else. */
export const DOCS_STYLESHEET = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fdfdfb, #15181c);
  --panel: light-dark(#f3f3ee, #1e2329);
  --line: light-dark(#dcdcd3, #343b44);
  --text: light-dark(#1c1f23, #e4e6e9);
  --quiet: light-dark(#5c636b, #9aa3ad);
  --accent: light-dark(#0b57a4, #7cb8ff);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body {
  margin: 0;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.55 system-ui, sans-serif;
  overflow-wrap: break-word;
}
a { color: var(--accent); text-underline-offset: 0.15em; }
a:focus-visible, summary:focus-visible, pre:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 2px;
}
code, pre { font-family: ui-monospace, "Cascadia Mono", Menlo, monospace; font-size: 0.9em; }
pre {
  margin: 0.75rem 0;
  padding: 0.75rem;
  background: var(--panel);
  border: 1px solid var(--line);
  border-radius: 6px;
  overflow-x: auto;
}
.top {
  position: sticky;
  top: 0;
  display: flex;
  flex-wrap: wrap;
  gap: 0.25rem 1.25rem;
  align-items: baseline;
  padding: 0.75rem 1rem;
  background: var(--ground);
  border-bottom: 1px solid var(--line);
}
.top .home { font-weight: 650; color: inherit; text-decoration: none; }
.top nav { display: flex; gap: 1rem; }
main { max-width: 78rem; margin: 0 auto; padding: 1rem; }
main.narrow { max-width: 46rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
.columns { display: block; }
.contents ul { list-style: none; padding: 0; margin: 0 0 0.75rem; }
.contents li { padding: 0.1rem 0; font-size: 0.9rem; }
.contents summary { cursor: pointer; font-weight: 600; }
.route { padding-top: 0.5rem; border-top: 1px solid var(--line); margin-top: 1.5rem; }
.route > h3 { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: baseline; }
.route > h3 a { color: inherit; text-decoration: none; }
.method {
  font: 650 0.8rem ui-monospace, monospace;
  padding: 0.1rem 0.4rem;
  border: 1px solid var(--line);
  border-radius: 4px;
  background: var(--panel);
}
.summary { font-weight: 600; margin: 0.25rem 0; }
.quiet, .type { color: var(--quiet); }
.label { color: var(--quiet); font-size: 0.85rem; }
.fields { margin: 0; padding: 0; list-style: none; }
.fields .fields { padding-left: 1rem; border-left: 2px solid var(--line); }
.fields li { padding: 0.2rem 0; }
.status { font: 600 0.85rem ui-monospace, monospace; color: var(--quiet); }
.problem { border-top: 1px solid var(--line); }
.problem:target, .route:target { background: var(--panel); }
@media (min-width: 60rem) {
  .columns { display: grid; grid-template-columns: 16rem minmax(0, 1fr); gap: 2.5rem; }
  .contents { position: sticky; top: 4rem; max-height: calc(100vh - 5rem); overflow-y: auto; align-self: start; }
}
@media print { .top, .contents { display: none; } }
`;
