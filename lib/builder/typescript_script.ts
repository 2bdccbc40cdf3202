import { type ApiRequest, apiRequests } from "./api_request.ts";
import type { Item } from "./item.ts";
import { jsonString, jsonText } from "./json_text.ts";
import { headWords } from "./script_words.ts";

/** A script for Deno, or Node from 22.18 on, that makes the items. */
export function typescriptScript(items: readonly Item[], origin: string): string {
  return `${
    headWords(items, "deno run --allow-net --allow-env seed.mts   (or: node seed.mts)")
      .map((line) => `// ${line}`).join("\n")
  }
import process from "node:process";

const url = process.env.COUNTERSIGN_URL ?? ${jsonString(origin)};
const key = process.env.COUNTERSIGN_KEY ?? "";
if (key === "") throw new Error("Put a management key into COUNTERSIGN_KEY");

/** Sends one request, gives the answer; ends the script where it is refused. */
async function send(method: string, path: string, body: object) {
  const response = await fetch(url + path, {
    method,
    headers: { "content-type": "application/json", "x-api-key": key },
    body: JSON.stringify(body),
    redirect: "error",
  });
  const text = await response.text();
  if (!response.ok) throw new Error(\`Refused: \${method} \${path}\\n\${text}\`);
  console.error(\`Done: \${method} \${path}\`);
  return JSON.parse(text);
}
${apiRequests(items).map(sendText).join("")}`;
}

function sendText({ method, path, body, secret }: ApiRequest): string {
  const sent = `await send("${method}", ${jsonString(path)}, ${literal(jsonText(body))})`;
  if (secret === null) return `\n${sent};\n`;
  const label = jsonString(`The ${secret.field} of ${jsonString(secret.of)}, shown only now:`);
  return `\nconsole.log(${label});\nconsole.log((${sent}).${secret.field});\n`;
}

/**
 * JSON is an expression of JavaScript but for one name: `"__proto__": …` sets the prototype, where a
 * computed name makes a member (ECMA-262 section 13.2.5.5). Only a name stands at the begin of a line
 * with a colon behind it.
 */
function literal(json: string): string {
  return json.replaceAll(/^( *)"__proto__":/gm, '$1["__proto__"]:');
}
