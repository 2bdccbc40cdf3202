import type { Countersign } from "./countersign_fixture.ts";

/** What came back over a raw connection: status lines and everything after them, as text. */
export interface RawAnswer {
  readonly statuses: readonly number[];
  readonly text: string;
}

/**
 * Writes bytes to the server as they are, which no HTTP client would send, and reads until the
 * server closes, or until the head of the first answer where the rest of a request never comes.
 */
export async function raw(
  countersign: Countersign,
  request: string,
  { first = false }: { readonly first?: boolean } = {},
): Promise<RawAnswer> {
  const { port } = countersign.server.addr;
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // The server may refuse and close before all of it was sent.
  const writing = connection.writable.getWriter().write(new TextEncoder().encode(request))
    .catch(() => {});
  const text = await readAnswers(connection, first);
  try {
    connection.close();
  } catch {
    // A failed write has closed it.
  }
  await writing;
  const statuses = [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) =>
    Number(status)
  );
  return { statuses, text };
}

async function readAnswers(connection: Deno.TcpConn, first: boolean): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  try {
    for (;;) {
      const size = await connection.read(buffer);
      if (size === null) return text;
      text += decoder.decode(buffer.subarray(0, size), { stream: true });
      if (first && text.includes("\r\n\r\n")) return text;
    }
  } catch {
    // Reset by the server: what was read before it counts.
    return text;
  }
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
