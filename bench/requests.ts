import type { Question } from "./sample_policy.ts";

/** A request with its whole head. What is sent is ASCII, so characters are bytes. */
function post(path: string, credential: string, body: unknown): string {
  const text = body === undefined ? "" : JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${credential}\r\n` +
    `content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
}

/** Requests for a check. */
export function checkRequests(questions: readonly Question[], key: string): string[] {
  return questions.map((question) => post("/v1/permissions/check", key, question));
}

/** The same checks as calls of the MCP tool, in the revision that needs no handshake. */
export function mcpCheckRequests(questions: readonly Question[], token: string): string[] {
  const bearer = `authorization: Bearer ${token}\r\n`;
  return questions.map((question, id) =>
    mcpRequest("/mcp", "check_permission", question, id, bearer)
  );
}

const REVISION = "2026-07-28";

/** A call of a tool over MCP, in the revision that needs no handshake. */
function mcpRequest(
  path: string,
  name: string,
  args: Question | Readonly<Record<string, unknown>>,
  id: number,
  headers: string,
): string {
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: {
      name,
      arguments: args,
      _meta: {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
      },
    },
  });
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${headers}` +
    "content-type: application/json\r\naccept: application/json, text/event-stream\r\n" +
    `mcp-protocol-version: ${REVISION}\r\nmcp-method: tools/call\r\n` +
    `mcp-name: ${name}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** Calls of the tool `echo` of the upstreams, by the keys in turn: of each as many as of the others. */
export function callRequests(
  questions: readonly Question[],
  keys: readonly string[],
  upstreams: number,
): string[] {
  return keys.flatMap((key, at) =>
    questions.map(({ arguments: { note }, reason }) =>
      post("/v1/calls", key, {
        tool_name: `bench-${at % upstreams}/echo`,
        arguments: { note },
        reason,
      })
    )
  );
}

/** The same calls, sent to an upstream itself as the gateway sends them. */
export function upstreamRequests(questions: readonly Question[]): string[] {
  return questions.map(({ arguments: { note } }, id) =>
    mcpRequest("/mcp", "echo", { note }, id, "")
  );
}

/** Requests for a token of each action, which the policy must allow. */
export function mintRequests(questions: readonly Question[], key: string): string[] {
  return questions.map((question) => post("/v1/tokens/mint", key, actionOf(question)));
}

/** Requests to consume tokens, each minted for the question at its place. */
export function consumeRequests(
  questions: readonly Question[],
  tokens: readonly (readonly [place: number, token: string])[],
  key: string,
): string[] {
  return tokens.map(([place, token]) => {
    const question = questions[place % questions.length];
    const action = question === undefined ? {} : actionOf(question);
    return post("/v1/tokens/consume", key, { token, ...action });
  });
}

/**
 * Requests to approve `count` actions, no two alike, which the policy must require it for; the
 * agents ask in turn.
 */
export function askRequests(
  questions: readonly Question[],
  agents: readonly string[],
  count: number,
): string[] {
  return Array.from({ length: count }, (_, n) => {
    const question = questions[n % questions.length];
    const body = { ...question, arguments: { ...question?.arguments, count: n } };
    return post("/v1/approvals", agents[n % agents.length] ?? "", body);
  });
}

/** Requests to withdraw what was asked, each by the agent that asked at its place. */
export function cancelRequests(
  approvals: readonly (readonly [place: number, id: string])[],
  agents: readonly string[],
): string[] {
  return approvals.map(([place, id]) =>
    post(`/v1/approvals/${id}/cancel`, agents[place % agents.length] ?? "", undefined)
  );
}

/** Requests for a document at each path. */
export function getRequests(paths: readonly string[], key: string): string[] {
  return paths.map((path) =>
    `GET ${path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n\r\n`
  );
}

function actionOf({ reason: _, ...action }: Question): Omit<Question, "reason"> {
  return action;
}
