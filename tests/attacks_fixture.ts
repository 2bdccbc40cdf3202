import type { Countersign } from "./countersign_fixture.ts";
import { RawRequest } from "./raw_request.ts";

/** What came back for bytes that may hold several requests. */
export interface Received {
  readonly statuses: readonly number[];
  /** Status lines and everything after them. */
  readonly text: string;
}

/**
 * Writes bytes to the server as they are, which no HTTP client would send, and reads until the
 * server closes, or until the head of the first answer where the rest of a request never comes.
 */
export async function raw(
  countersign: Countersign,
  bytes: string,
  { first = false }: { readonly first?: boolean } = {},
): Promise<Received> {
  const request = await RawRequest.open(countersign.server.addr.port);
  // The server may refuse and close before all of it was sent.
  const sending = request.send(bytes).catch(() => {});
  const text = await request.received((soFar) => first && soFar.includes("\r\n\r\n"));
  request[Symbol.dispose]();
  await sending;
  const statuses = [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) =>
    Number(status)
  );
  return { statuses, text };
}

/** A request line with its headers, `connection: close` among them. */
export function head(
  countersign: Countersign,
  line: string,
  headers: readonly string[] = [],
): string {
  const { host } = countersign.services.settings.url;
  const named = headers.some((header) => /^host:/i.test(header)) ? [] : [`Host: ${host}`];
  return [`${line} HTTP/1.1`, ...named, ...headers, "Connection: close", "", ""].join("\r\n");
}
