import type { Question } from "./sample_policy.ts";

/** What the load generator is to do. */
export interface Load {
  readonly port: number;
  readonly connections: number;
  /** How long is asked before anything is measured. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Whole requests, head and body, asked in turn. */
  readonly requests: readonly string[];
}

/** What came of it. Times are milliseconds. */
export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Answers other than 200, and the first of them as it came. */
  readonly failed: number;
  readonly firstFailure?: string;
  /** Share of one processor that the load generator used: at 1 it may be what was measured. */
  readonly generatorBusy: number;
}

/** Requests for a check, each with its whole head. */
export function checkRequests(questions: readonly Question[], key: string): string[] {
  return questions.map((question) => {
    const body = JSON.stringify(question);
    return "POST /v1/permissions/check HTTP/1.1\r\nhost: localhost\r\n" +
      `x-api-key: ${key}\r\ncontent-type: application/json\r\n` +
      // The questions are ASCII, so characters are bytes.
      `content-length: ${body.length}\r\n\r\n${body}`;
  });
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

/** Requests for a document at each path. */
export function getRequests(paths: readonly string[], key: string): string[] {
  return paths.map((path) =>
    `GET ${path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n\r\n`
  );
}
