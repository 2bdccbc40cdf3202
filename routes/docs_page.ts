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
