import { quoted } from "../text/curl_command.ts";
import { type ApiRequest, apiRequests } from "./api_request.ts";
import type { Item } from "./item.ts";
import { jsonString, jsonText } from "./json_text.ts";
import { headWords } from "./script_words.ts";

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

# Sends the JSON on standard input, prints the answer; ends the script where it is refused.
send() {
  local answer
  # The key comes from a pipe: whoever lists processes sees the arguments of curl.
  answer=$(curl -gsS --fail-with-body -X "$1" "$url$2" --data-binary @- \
    -H 'Content-Type: application/json' -H @<(printf 'X-API-Key: %s' "$COUNTERSIGN_KEY")) ||
    { printf 'Refused: %s %s\n%s\n' "$1" "$2" "$answer" >&2; exit 1; }
  printf 'Done: %s %s\n' "$1" "$2" >&2
  printf '%s\n' "$answer"
}

# The secret in an answer.
secret() { sed -nE 's/.*"(key|token)":"(cs_[a-z]+_[0-9a-z]+)".*/\2/p'; }
${apiRequests(items).map(sendText).join("")}`;
}

function sendText({ method, path, body, secret }: ApiRequest): string {
  const document = `<<'JSON'`;
  const rest = `\n${jsonText(body)}\nJSON\n`;
  if (secret === null) return `\nsend ${method} ${quoted(path)} >/dev/null ${document}${rest}`;
  const label = `The ${secret.field} of ${jsonString(secret.of)}, shown only now:`;
  return `\nprintf '%s\\n' ${quoted(label)}\nsend ${method} ${
    quoted(path)
  } ${document} | secret${rest}`;
}
