import { documentedCodes } from "./errors_page.ts";
import { PROBLEMS } from "./http/problems.ts";

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
