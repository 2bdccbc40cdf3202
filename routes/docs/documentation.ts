import { html } from "hono/html";
import { z } from "zod";
import { type ProblemCode, PROBLEMS } from "../http/problems.ts";
import { open, type Route } from "../http/route.ts";
import { openApiDocument } from "./openapi.ts";
import FIGURES from "./guard_figures.json" with { type: "json" };
import { DOCS_STYLESHEET, docsPage, type Html, inline, prose } from "./page.ts";
import { referencePage } from "./reference_page.ts";

/** Where the pages find their stylesheet. */
const STYLESHEET_PATH = "/docs/style.css";

const HTML_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=300",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // No script at all, so nothing that slipped through the escaping could run; `frame-ancestors`
  // and `base-uri` are not covered by `default-src`.
  "content-security-policy":
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/**
 * The routes that describe a surface: its OpenAPI document and the pages made from it. Each is made
 * when it is first asked for.
 */
export function documentationRoutes(described: readonly Route[], origin: string): Route[] {
  const document = once(() => openApiDocument([...described, ...routes], origin));
  // As bytes, of which all answers that nobody reads hold the same.
  const bytes = (text: () => string) => once(() => new TextEncoder().encode(text()));
  const documentText = bytes(() => JSON.stringify(document()));
  const reference = bytes(() => referencePage(document()).toString());
  const errors = bytes(() => errorsPage().toString());
  const guards = bytes(() => guardsPage().toString());
  const page = (text: () => Uint8Array<ArrayBuffer>) => () =>
    new Response(text(), { headers: HTML_HEADERS });
  const routes: Route[] = [
    open({
      method: "get",
      path: "/v1/openapi.json",
      group: "Documentation",
      summary: "This API as an OpenAPI 3.1 document",
      answers: { 200: z.looseObject({ openapi: z.string() }) },
      handle: () =>
        new Response(documentText(), {
          headers: {
            "content-type": "application/json",
            "cache-control": "public, max-age=300",
            "x-content-type-options": "nosniff",
          },
        }),
    }),
    open({
      method: "get",
      path: "/docs",
      group: "Documentation",
      summary: "This API as a page to read",
      answers: { 200: null },
      media: "text/html",
      handle: page(reference),
    }),
    open({
      method: "get",
      path: "/docs/errors",
      group: "Documentation",
      summary: "Every error code, its meaning and the next step",
      answers: { 200: null },
      media: "text/html",
      handle: page(errors),
    }),
    open({
      method: "get",
      path: "/docs/guards",
      group: "Documentation",
      summary: "What guards find, measured",
      answers: { 200: null },
      media: "text/html",
      handle: page(guards),
    }),
    open({
      method: "get",
      path: STYLESHEET_PATH,
      group: "Documentation",
      summary: "The stylesheet of these pages",
      answers: { 200: null },
      media: "text/css",
      handle: () =>
        new Response(DOCS_STYLESHEET, {
          headers: {
            "content-type": "text/css; charset=utf-8",
            "cache-control": "public, max-age=300",
            "x-content-type-options": "nosniff",
          },
        }),
    }),
  ];
  return routes;
}

/** What the guards find and what they take for it, as `deno task guards:figures` measured it. */
function guardsPage(): Html {
  return docsPage(
    "Guards",
    html`<main class="narrow">
<h1>Guards</h1>
${
      prose(
        "Guards look at the arguments of calls and at what servers answer. They find forms and " +
          "wordings and understand nothing: a plain order in a mail is not told from what the mail " +
          "tool is for. A guard of injections asks a person or flags; it is no protection by itself.\n\n" +
          "Measured on AgentDojo 0.1.35, bastioncorpus 0.6.0 and a sample of our own. The phrases " +
          "were written with these texts in sight: elsewhere fewer are found.",
      )
    }
<table>
<thead><tr><th>Texts</th><th>Found</th><th>Wanted</th></tr></thead>
<tbody>${
      FIGURES.map(({ what, found, of, wanted }) =>
        html`
          <tr>
            <td>${what}</td>
            <td>${found} of ${of}</td>
            <td>${wanted}</td>
          </tr>
        `
      )
    }</tbody>
</table>
</main>`,
  );
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/** Codes of errors in the order of the documentation: by status, then as the table has them. */
function documentedCodes(): ProblemCode[] {
  return (Object.keys(PROBLEMS) as ProblemCode[])
    .sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
}

/** The page that a problem document's `type` points to: one anchor a code. */
function errorsPage(): Html {
  return docsPage(
    "Errors",
    html`<main class="narrow">
<h1>Errors</h1>
<p>An error is a problem document (RFC 9457, <code>application/problem+json</code>). Its
<code>code</code> is stable; <code>detail</code> says what went wrong this time, and
<code>request_id</code> names the request in the log.</p>
${documentedCodes().map(errorEntry)}
</main>`,
  );
}

function errorEntry(code: ProblemCode): Html {
  const { status, title, meaning, advice } = PROBLEMS[code];
  return html`
    <section class="problem" id="${code}">
      <h2><a href="#${code}"><code>${code}</code></a> <span class="status">${status}</span></h2>
      <p><strong>${title}.</strong> ${inline(meaning)}</p>
      <p><span class="label">Next</span> ${inline(advice)}</p>
    </section>
  `;
}

const INTRODUCTION = `# Errors

<!-- Made from routes/http/problems.ts by \`deno task docs\`; change it there. -->

An error is a problem document (RFC 9457, \`application/problem+json\`). Its \`code\` is stable and is
what a program should look at; \`detail\` says what went wrong this time, \`request_id\` names the
request in the log, \`errors\` lists every place of an input that does not fit, and \`next\` says what
the caller can do. The same table is served at \`/docs/errors\`, where \`type\` points to.

An answer with status 503 or 500 grants nothing; neither does a request that gets no answer.
`;

/** `docs/errors.md`: every code with its status, what it means, and the next step. */
export function errorsMarkdown(): string {
  const sections = documentedCodes().map((code) => {
    const { status, title, meaning, advice } = PROBLEMS[code];
    return `## ${code}\n\n${status} · **${title}**\n\n${meaning}\n\nNext: ${advice}\n`;
  });
  return [INTRODUCTION, ...sections].join("\n");
}
