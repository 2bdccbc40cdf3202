import { html } from "hono/html";
import { docsPage, type Html, inline } from "./docs_page.ts";
import { type ProblemCode, PROBLEMS } from "./http/problems.ts";

/** Codes of errors in the order of the documentation: by status, then as the table has them. */
export function documentedCodes(): ProblemCode[] {
  return (Object.keys(PROBLEMS) as ProblemCode[])
    .sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
}

/** The page that a problem document's `type` points to: one anchor a code. */
export function errorsPage(): Html {
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
