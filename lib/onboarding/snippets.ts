import guardInPython from "../../examples/guard.py" with { type: "text" };
import guardInTypeScript from "../../examples/guard.ts" with { type: "text" };

/** The tool that the first agent asks for: one that nobody has registered. */
export const FIRST_TOOL = "hello_world";

/** A program that asks before it acts: to be saved under its name and run. */
export interface Snippet {
  readonly language: "curl" | "TypeScript" | "Python";
  readonly file: string;
  /** How it is run, with the key in `COUNTERSIGN_KEY`. */
  readonly command: string;
  readonly text: string;
}

const REASON = "Trying Countersign out";

/**
 * One guarded call of a tool in each language, ready to run against `origin`. None holds a key: each
 * reads it from the environment.
 */
export function connectSnippets(origin: string): Snippet[] {
  return [
    { language: "curl", file: "agent.sh", command: "bash agent.sh", text: inCurl(origin) },
    {
      language: "TypeScript",
      file: "agent.mts",
      command: "deno run --allow-net --allow-env=COUNTERSIGN_KEY agent.mts   # or: node agent.mts",
      text: inTypeScript(origin),
    },
    { language: "Python", file: "agent.py", command: "python3 agent.py", text: inPython(origin) },
  ];
}

function inCurl(origin: string): string {
  return String.raw`#!/usr/bin/env bash
# Runs a tool only when Countersign authorized this very call.
set -euo pipefail
: "${"${COUNTERSIGN_KEY:?Put the key of your agent into COUNTERSIGN_KEY}"}"
ACTION='"tool_name": "${FIRST_TOOL}", "arguments": {"name": "world"}'

post() {
  local answer
  answer=$(curl -sS --fail-with-body "${origin}/v1/$1" -H "X-API-Key: $COUNTERSIGN_KEY" \
    -H 'Content-Type: application/json' -d "{$ACTION, $2}") ||
    { echo "Not run: $answer" >&2; return 1; }
  echo "$answer"
}

# Ask. Where a human has to approve, wait a minute for it; running this again waits on.
ANSWER=$(post permissions/check '"reason": "${REASON}", "request": true, "mint": true, "wait": 50')
TOKEN=$(sed -n 's/.*"token":"\([^"]*\)".*/\1/p' <<<"$ANSWER")
[[ -n $TOKEN ]] || { echo "Not run: $ANSWER" >&2; exit 1; }

# The token counts once. Only when it is consumed does the tool run; then say how it went.
post tokens/consume "\"token\": \"$TOKEN\"" >/dev/null
echo 'Hello, world!'
post executions/log "\"token\": \"$TOKEN\", \"execution_result\": \"success\"" >/dev/null
`;
}

function inTypeScript(origin: string): string {
  return `import process from "node:process";

${guardInTypeScript.trimEnd()}

// Your tool, guarded: it runs only when this very call was authorized.
const at = { url: "${origin}", key: process.env.COUNTERSIGN_KEY ?? "" };
const greet = guard(at, "${FIRST_TOOL}", ({ name }: { name: string }) => \`Hello, \${name}!\`);
console.log(await greet({ name: "world" }, { reason: "${REASON}" }));
`;
}

function inPython(origin: string): string {
  const guard = guardInPython.trimEnd().replace("import json\n", "import json\nimport os\n");
  return `${guard}


# Your tool, guarded: it runs only when this very call was authorized.
greet = guard("${origin}", os.environ["COUNTERSIGN_KEY"], "${FIRST_TOOL}", lambda name: f"Hello, {name}!")
print(greet({"name": "world"}, reason="${REASON}"))
`;
}
