/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
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

  /** One answer: its head, and as many bytes as that states. */
  async answer(): Promise<RawAnswer> {
    const chunks: Uint8Array[] = [];
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const answer = parsed(chunks);
      if (answer.text.length >= Number(answer.headers.get("content-length") ?? Infinity)) {
        return answer;
      }
      const size = await this.connection.read(buffer).catch(() => null);
      if (size === null) return answer;
      chunks.push(buffer.slice(0, size));
    }
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** The answer as far as it came; its text has one character a byte. */
function parsed(chunks: readonly Uint8Array[]): RawAnswer {
  const text = chunks.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
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
