import guardInPython from "../../examples/guard.py" with { type: "text" };
import guardInTypeScript from "../../examples/guard.ts" with { type: "text" };
import { TRIED_OUT } from "../evidence/insights.ts";
import { NPX_DENO } from "./builder_scripts.ts";

/** The tool that the first agent asks for: one that nobody has registered. */
export const FIRST_TOOL = TRIED_OUT.first;

/** Where programs and hosts look for the token of the agent that they are. */
export const TOKEN_VARIABLE = "COUNTERSIGN_AGENT_TOKEN";

/** A program that asks before it acts: to be saved under its name and run. */
export interface Program {
  readonly language: "curl" | "TypeScript" | "Python";
  readonly file: string;
  /** How it is run, with the agent's token in the environment. */
  readonly command: string;
  readonly text: string;
}

const REASON = "Trying Countersign out";

/**
 * One guarded call of a tool in each language, ready to run against `origin`. None holds a token:
 * each reads it from the environment. They say where a human decides while they wait, and when they
 * are refused why, in one line. No two runs ask for the same action, so that one that was denied
 * can be tried again at once.
 */
export function firstPrograms(origin: string): Program[] {
  const rights = `--allow-net=${new URL(origin).host} --allow-env=${TOKEN_VARIABLE}`;
  return [
    { language: "curl", file: "agent.sh", command: "bash agent.sh", text: inCurl(origin) },
    {
      language: "TypeScript",
      file: "agent.mts",
      command: `${NPX_DENO} run ${rights} agent.mts`,
      text: inTypeScript(origin),
    },
    { language: "Python", file: "agent.py", command: "python3 agent.py", text: inPython(origin) },
  ];
}

function inCurl(origin: string): string {
  return String.raw`#!/usr/bin/env bash
# Runs a tool only when Countersign authorized this very call.
set -euo pipefail
not_run() { echo "${FIRST_TOOL} did not run: $1" >&2; exit 1; }
[[ -n ${
    "${" + TOKEN_VARIABLE + ":-}"
  } ]] || not_run 'put the token of your agent into ${TOKEN_VARIABLE}'

# The number makes each run a call of its own, so that one that was denied can be tried again at once.
ACTION='"tool_name": "${FIRST_TOOL}", "arguments": {"name": "world", "run": "'$RANDOM-$RANDOM'"}'

# A text in the JSON on standard input.
field() { sed -nE 's/.*"'"$1"'":"(([^"\\]|\\.)*)".*/\1/p'; }

# Sends a request and prints the answer; the token comes from a pipe, where no list of processes has it.
send() {
  local answer
  answer=$(curl -gs --fail-with-body "${origin}/v1/$@" \
    -H @<(printf 'X-API-Key: %s' "$${TOKEN_VARIABLE}") -H 'Content-Type: application/json') || {
    [[ -n $answer ]] || not_run 'Countersign does not answer at ${origin}'
    not_run "$(field detail <<<"$answer") ($(field code <<<"$answer"))"
  }
  echo "$answer"
}
post() { send "$1" -d "{$ACTION, $2}"; }

# Ask. Where a human has to approve, say where, and wait.
ANSWER=$(post permissions/check '"reason": "${REASON}", "request": true, "mint": true')
REVIEW=$(field review_url <<<"$ANSWER")
TOKEN=$(field token <<<"$ANSWER")
if [[ -n $REVIEW && -z $TOKEN ]]; then
  echo "Waiting for a human: $REVIEW" >&2
  STATUS=pending
  while [[ $STATUS == pending ]]; do
    STATUS=$(send "approvals/${"${REVIEW##*/}"}?wait=50" | field status)
  done
  [[ $STATUS == approved ]] || not_run "the request was $STATUS, see $REVIEW"
  TOKEN=$(post tokens/mint "\"approval_id\": \"${"${REVIEW##*/}"}\"" | field token)
fi
[[ -n $TOKEN ]] || not_run "the answer is $(field permission <<<"$ANSWER")"

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
type Greeting = { name: string; run: string };
const at = { url: "${origin}", key: process.env.${TOKEN_VARIABLE} ?? "" };
const greet = guard(at, "${FIRST_TOOL}", ({ name }: Greeting) => \`Hello, \${name}!\`);
try {
  if (at.key === "") throw new NotRun("Put the token of your agent into ${TOKEN_VARIABLE}");
  // The number makes each run a call of its own, so that one that was denied can be tried again at once.
  const greeting = { name: "world", run: crypto.randomUUID() };
  console.log(await greet(greeting, { reason: "${REASON}" }));
} catch (error) {
  console.error(error instanceof NotRun ? error.message : error);
  process.exitCode = 1;
}
`;
}

function inPython(origin: string): string {
  const guard = guardInPython.trimEnd().replace("import json\n", "import json\nimport os\n")
    .replace("import time\n", "import time\nimport uuid\n");
  return `${guard}


def hello_world(name, run):
    return f"Hello, {name}!"


# Your tool, guarded: it runs only when this very call was authorized.
token = os.environ.get("${TOKEN_VARIABLE}") or sys.exit("Put the token of your agent into ${TOKEN_VARIABLE}")
greet = guard("${origin}", token, "${FIRST_TOOL}", hello_world)
try:
    # The number makes each run a call of its own, so that one that was denied can be tried again at once.
    greeting = {"name": "world", "run": str(uuid.uuid4())}
    print(greet(greeting, reason="${REASON}"))
except NotRun as error:
    sys.exit(str(error))
`;
}
