import type { JsonObject, JsonValue } from "../base/json.ts";
import { type Item, ITEM_KINDS, type ItemKind } from "./builder_items.ts";
import {
  type ApiRequest,
  apiRequests,
  escapeHidden,
  jsonString,
  jsonText,
  policyText,
} from "./builder_plan.ts";

/** How TypeScript is run where there is Node and nothing else: by the Deno that this is tested with. */
export const NPX_DENO = "npx -y deno@2.9.6";

/** What a plan is made into. */
export const OUTPUTS = [
  { key: "curl", label: "curl", file: "seed.sh" },
  { key: "typescript", label: "TypeScript", file: "seed.mts" },
  { key: "python", label: "Python", file: "seed.py" },
  { key: "policy", label: "Policy document", file: "policy.json" },
] as const;

export type OutputKey = (typeof OUTPUTS)[number]["key"];

/** The output that a name stands for; the first for any other. */
export function outputOf(key: string): (typeof OUTPUTS)[number] {
  return OUTPUTS.find((output) => output.key === key) ?? OUTPUTS[0];
}

/**
 * The text of an output.
 * @param current the policy that the document begins with; null for none
 */
export function outputText(
  key: OutputKey,
  items: readonly Item[],
  { origin, current }: { readonly origin: string; readonly current: JsonObject | null },
): string {
  switch (key) {
    case "curl":
      return bashScript(items, origin);
    case "typescript":
      return typescriptScript(items, origin);
    case "python":
      return pythonScript(items, origin);
    case "policy":
      return policyText(items, current);
  }
}

/**
 * A script for bash and curl that makes the items. Bodies are here-documents with a quoted delimiter,
 * in which nothing is expanded; no line of indented JSON is that delimiter.
 */
export function bashScript(items: readonly Item[], origin: string): string {
  return String.raw`#!/usr/bin/env bash
${headWords(items, "bash seed.sh").map((line) => `# ${line}`).join("\n")}
set -euo pipefail
: "${"${COUNTERSIGN_KEY:?Put a management key into COUNTERSIGN_KEY}"}"
url=${"${COUNTERSIGN_URL:-" + origin + "}"}

# A text in the JSON on standard input.
field() { sed -nE 's/.*"'"$1"'":"(([^"\\]|\\.)*)".*/\1/p'; }

# Sends the JSON on standard input, prints the answer; ends the script where it is refused.
send() {
  local answer why="Countersign does not answer at $url"
  # The key comes from a pipe: whoever lists processes sees the arguments of curl.
  answer=$(curl -gs --fail-with-body -X "$1" "$url$2" --data-binary @- \
    -H 'Content-Type: application/json' -H @<(printf 'X-API-Key: %s' "$COUNTERSIGN_KEY")) || {
    [[ -z $answer ]] || why="$(field detail <<<"$answer") ($(field code <<<"$answer"))"
    printf 'Refused: %s %s: %s\n' "$1" "$2" "$why" >&2
    exit 1
  }
  printf 'Done: %s %s\n' "$1" "$2" >&2
  printf '%s\n' "$answer"
}

# The secret in an answer.
secret() { sed -nE 's/.*"(key|token)":"(cs_[a-z]+_[0-9a-z]+)".*/\2/p'; }
${apiRequests(items).map(bashSend).join("")}`;
}

function bashSend({ method, path, body, secret }: ApiRequest): string {
  const document = `<<'JSON'`;
  const rest = `\n${jsonText(body)}\nJSON\n`;
  if (secret === null) return `\nsend ${method} ${shellWord(path)} >/dev/null ${document}${rest}`;
  const label = `The ${secret.field} of ${jsonString(secret.of)}, shown only now:`;
  return `\nprintf '%s\\n' ${shellWord(label)}\nsend ${method} ${
    shellWord(path)
  } ${document} | secret${rest}`;
}

/** A script for Python 3 alone that makes the items. */
export function pythonScript(items: readonly Item[], origin: string): string {
  return `${headWords(items, "python3 seed.py").map((line) => `# ${line}`).join("\n")}
import json
import os
import sys
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

URL = os.environ.get("COUNTERSIGN_URL", ${pythonLiteral(origin)})
KEY = os.environ.get("COUNTERSIGN_KEY") or sys.exit("Put a management key into COUNTERSIGN_KEY")


class NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_):
        """The key is for the address that was given, and for no other."""


def send(method, path, body):
    """Sends one request, gives the answer; ends the script where it is refused."""
    headers = {"Content-Type": "application/json", "X-API-Key": KEY}
    request = Request(URL + path, json.dumps(body).encode(), headers, method=method)
    try:
        with build_opener(NoRedirects).open(request) as response:
            answer = json.load(response)
    except HTTPError as error:
        try:
            problem = json.load(error)
            why = f"{problem['detail']} ({problem['code']})"
        except (ValueError, KeyError, TypeError):
            why = f"status {error.code}"
        sys.exit(f"Refused: {method} {path}: {why}")
    except OSError:
        sys.exit(f"Refused: {method} {path}: Countersign does not answer at {URL}")
    print(f"Done: {method} {path}", file=sys.stderr)
    return answer

${apiRequests(items).map(pythonSend).join("")}`;
}

function pythonSend({ method, path, body, secret }: ApiRequest): string {
  const sent = `send("${method}", ${pythonLiteral(path)}, ${pythonLiteral(body)})`;
  if (secret === null) return `\n${sent}\n`;
  const label = pythonLiteral(`The ${secret.field} of ${jsonString(secret.of)}, shown only now:`);
  return `\nprint(${label})\nprint(${sent}["${secret.field}"])\n`;
}

/** An expression of Python that is this value. */
function pythonLiteral(value: JsonValue, indent = ""): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return JSON.stringify(value);
  // What JSON escapes Python understands; characters beyond four digits it writes with eight.
  if (typeof value === "string") return escapeHidden(JSON.stringify(value), codePoint);
  const inner = `${indent}    `;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((item) => pythonLiteral(item, inner))
    : Object.entries(value).map(([name, item]) =>
      `${pythonLiteral(name)}: ${pythonLiteral(item, inner)}`
    );
  const [open, close] = isList ? "[]" : "{}";
  return parts.length === 0
    ? `${open}${close}`
    : `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${close}`;
}

function codePoint(character: string): string {
  const digits = (character.codePointAt(0) ?? 0).toString(16);
  return digits.length > 4 ? `\\U${digits.padStart(8, "0")}` : `\\u${digits.padStart(4, "0")}`;
}

/** A script for Deno that makes the items. */
export function typescriptScript(items: readonly Item[], origin: string): string {
  return `${
    headWords(items, `${NPX_DENO} run --allow-net --allow-env seed.mts`)
      .map((line) => `// ${line}`).join("\n")
  }
import process from "node:process";

const url = process.env.COUNTERSIGN_URL ?? ${jsonString(origin)};
const key = process.env.COUNTERSIGN_KEY ?? "";
if (key === "") refuse("Put a management key into COUNTERSIGN_KEY");

function refuse(why: string): never {
  console.error(why);
  process.exit(1);
}

/** Sends one request, gives the answer; ends the script where it is refused. */
async function send(method: string, path: string, body: object) {
  const response = await fetch(url + path, {
    method,
    headers: { "content-type": "application/json", "x-api-key": key },
    body: JSON.stringify(body),
    redirect: "error",
  }).catch(() => refuse(\`Refused: \${method} \${path}: Countersign does not answer at \${url}\`));
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    const why = answer?.code ? \`\${answer.detail} (\${answer.code})\` : \`status \${response.status}\`;
    refuse(\`Refused: \${method} \${path}: \${why}\`);
  }
  console.error(\`Done: \${method} \${path}\`);
  return answer;
}
${apiRequests(items).map(typescriptSend).join("")}`;
}

function typescriptSend({ method, path, body, secret }: ApiRequest): string {
  const sent = `await send("${method}", ${jsonString(path)}, ${indentedLiteral(jsonText(body))})`;
  if (secret === null) return `\n${sent};\n`;
  const label = jsonString(`The ${secret.field} of ${jsonString(secret.of)}, shown only now:`);
  return `\nconsole.log(${label});\nconsole.log((${sent}).${secret.field});\n`;
}

/**
 * JSON is an expression of JavaScript but for one name: `"__proto__": …` sets the prototype, where a
 * computed name makes a member (ECMA-262 section 13.2.5.5). Only a name stands at the begin of a line
 * with a colon behind it.
 */
function indentedLiteral(json: string): string {
  return json.replaceAll(/^( *)"__proto__":/gm, '$1["__proto__"]:');
}

const NAMES: Readonly<Record<ItemKind, readonly [one: string, several: string]>> = {
  tool: ["tool", "tools"],
  tenant: ["tenant", "tenants"],
  resource: ["resource", "resources"],
  rule: ["rule", "rules"],
  agent: ["agent", "agents"],
  key: ["key", "keys"],
};

/** What a script says of itself, in lines. None of it was typed by anybody. */
function headWords(items: readonly Item[], command: string): string[] {
  const makesSecrets = items.some(({ kind }) => kind === "agent" || kind === "key");
  return [
    `Makes ${countsText(items)} in Countersign.`,
    `Put a management key into COUNTERSIGN_KEY, then run: ${command}`,
    makesSecrets
      ? "Run again it makes agents and keys anew; all else is put in the place of what is there."
      : "It can be run again: everything is put in the place of what is there.",
  ];
}

/** Such as "2 tools, 1 rule"; "nothing yet" for none. */
export function countsText(items: readonly Item[]): string {
  const counts = ITEM_KINDS.flatMap((kind) => {
    const count = items.filter((item) => item.kind === kind).length;
    return count === 0 ? [] : [`${count} ${NAMES[kind][count === 1 ? 0 : 1]}`];
  });
  return counts.length === 0 ? "nothing yet" : counts.join(", ");
}

/** A request to show as a command. */
interface CurlRequest {
  readonly method: "GET" | "POST";
  /** Absolute. */
  readonly url: string;
  /** The credential; exported first, so that the command itself holds none. */
  readonly secret: string;
  readonly body?: JsonObject;
}

/** Commands for a POSIX shell that send one request, ready to be pasted. */
export function curlCommand({ method, url, secret, body }: CurlRequest): string {
  const lines = [
    method === "POST" ? `curl -sS -X POST ${shellWord(url)}` : `curl -sS ${shellWord(url)}`,
    `-H "X-API-Key: $COUNTERSIGN_KEY"`,
    ...(body === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d ${shellWord(JSON.stringify(body))}`]),
  ];
  return `export COUNTERSIGN_KEY=${shellWord(secret)}\n${lines.join(" \\\n  ")}`;
}

/** A word that the shell takes as it is: within single quotes nothing but their end means anything. */
export function shellWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
