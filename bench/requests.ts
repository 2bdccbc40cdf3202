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
  const revision = "2026-07-28";
  return questions.map((question, id) => {
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: {
        name: "check_permission",
        arguments: question,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": revision,
          "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
        },
      },
    });
    return "POST /mcp HTTP/1.1\r\nhost: localhost\r\n" +
      `authorization: Bearer ${token}\r\ncontent-type: application/json\r\n` +
      "accept: application/json, text/event-stream\r\n" +
      `mcp-protocol-version: ${revision}\r\nmcp-method: tools/call\r\n` +
      `mcp-name: check_permission\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  });
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
