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

/** Requests for a document at each path. */
export function getRequests(paths: readonly string[], key: string): string[] {
  return paths.map((path) =>
    `GET ${path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\n\r\n`
  );
}
