import type { JsonObject } from "../json/json_value.ts";

/** A request to show as a command. */
export interface CurlRequest {
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
    method === "POST" ? `curl -sS -X POST ${quoted(url)}` : `curl -sS ${quoted(url)}`,
    `-H "X-API-Key: $COUNTERSIGN_KEY"`,
    ...(body === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`]),
  ];
  return `export COUNTERSIGN_KEY=${quoted(secret)}\n${lines.join(" \\\n  ")}`;
}

/** A word that the shell takes as it is: within single quotes nothing but their end means anything. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
