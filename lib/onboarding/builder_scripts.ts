import { type ApiRequest, apiRequests } from "../builder/api_request.ts";
import type { Item } from "../builder/item.ts";
import { escapeHidden, jsonString } from "../builder/json_text.ts";
import { headWords } from "../builder/script_words.ts";
import type { JsonValue } from "../json/json_value.ts";

/** A script for Python 3 alone that makes the items. */
export function pythonScript(items: readonly Item[], origin: string): string {
  return `${headWords(items, "python3 seed.py").map((line) => `# ${line}`).join("\n")}
import json
import os
import sys
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

URL = os.environ.get("COUNTERSIGN_URL", ${literal(origin)})
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
        sys.exit(f"Refused: {method} {path}\\n{error.read().decode(errors='replace')}")
    print(f"Done: {method} {path}", file=sys.stderr)
    return answer

${apiRequests(items).map(sendText).join("")}`;
}

function sendText({ method, path, body, secret }: ApiRequest): string {
  const sent = `send("${method}", ${literal(path)}, ${literal(body)})`;
  if (secret === null) return `\n${sent}\n`;
  const label = literal(`The ${secret.field} of ${jsonString(secret.of)}, shown only now:`);
  return `\nprint(${label})\nprint(${sent}["${secret.field}"])\n`;
}

/** An expression of Python that is this value. */
function literal(value: JsonValue, indent = ""): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return JSON.stringify(value);
  // What JSON escapes Python understands; characters beyond four digits it writes with eight.
  if (typeof value === "string") return escapeHidden(JSON.stringify(value), codePoint);
  const inner = `${indent}    `;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((item) => literal(item, inner))
    : Object.entries(value).map(([name, item]) => `${literal(name)}: ${literal(item, inner)}`);
  const [open, close] = isList ? "[]" : "{}";
  return parts.length === 0
    ? `${open}${close}`
    : `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${close}`;
}

function codePoint(character: string): string {
  const digits = (character.codePointAt(0) ?? 0).toString(16);
  return digits.length > 4 ? `\\U${digits.padStart(8, "0")}` : `\\u${digits.padStart(4, "0")}`;
}
