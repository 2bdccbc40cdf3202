import type { Countersign } from "./countersign.ts";

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body, one character a byte. */
  readonly text: string;
}

/** A request written by hand over TCP, for what `fetch` would put right or refuse to send. */
export class RawRequest implements Disposable {
  private constructor(readonly connection: Deno.TcpConn) {}

  static async open(port: number): Promise<RawRequest> {
    return new RawRequest(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Writes text or bytes as they are. */
  async send(...parts: (string | Uint8Array)[]): Promise<void> {
    for (const part of parts) {
      let bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
      while (bytes.length > 0) bytes = bytes.subarray(await this.connection.write(bytes));
    }
  }

  /** What comes until it is enough or the server closes or resets; one character a byte. */
  async received(enough: (text: string) => boolean = () => false): Promise<string> {
    const decoder = new TextDecoder("latin1");
    const buffer = new Uint8Array(64 * 1024);
    let text = "";
    while (!enough(text)) {
      const size = await this.connection.read(buffer).catch(() => null);
      if (size === null) break;
      text += decoder.decode(buffer.subarray(0, size));
    }
    return text;
  }

  /** One answer: its head, and as many bytes as that states. */
  async answer(): Promise<RawAnswer> {
    return parsed(await this.received((text) => isWhole(parsed(text))));
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

function isWhole({ headers, text }: RawAnswer): boolean {
  return text.length >= Number(headers.get("content-length") ?? Infinity);
}

/** The answer as far as it came. */
function parsed(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return { status: 0, headers: new Headers(), text: "" };
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(" ")[1]), headers, text: text.slice(end + 4) };
}

/** Sends one whole request and reads its answer. */
export async function rawAnswer(port: number, ...parts: (string | Uint8Array)[]) {
  using request = await RawRequest.open(port);
  // A server that refuses early may close before it has read everything.
  await request.send(...parts).catch(() => {});
  return await request.answer();
}

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
