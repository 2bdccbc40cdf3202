/** What a client did in one connection. */
export interface Session {
  /** Its commands, the lines of a mail aside. */
  readonly commands: string[];
  /** The mails it handed over, headers and body as they came. */
  readonly mails: string[];
}

export interface SinkOptions {
  /** Another answer to commands that begin with a word, such as `RCPT`. */
  readonly answers?: Readonly<Record<string, string>>;
  /** Takes connections, and says nothing. */
  readonly silent?: boolean;
  readonly hostname?: string;
  /** Speaks TLS from the first byte. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const CRLF = "\r\n";

/** A mail server on this computer that keeps what it gets. */
export class SmtpSink implements AsyncDisposable {
  readonly sessions: Session[] = [];
  readonly #listener: Deno.Listener;
  readonly #open = new Set<Deno.Conn>();
  readonly #running: Promise<void>;

  constructor(readonly options: SinkOptions = {}) {
    const { hostname = "127.0.0.1", tls } = options;
    const at = { port: 0, hostname };
    this.#listener = tls === undefined ? Deno.listen(at) : Deno.listenTls({ ...at, ...tls });
    this.#running = this.#accept();
  }

  get port(): number {
    const { addr } = this.#listener;
    if (addr.transport !== "tcp") throw new Error(`The sink listens on ${addr.transport}.`);
    return addr.port;
  }

  /** All mails of all connections. */
  get mails(): string[] {
    return this.sessions.flatMap(({ mails }) => mails);
  }

  /** All commands of all connections. */
  get commands(): string[] {
    return this.sessions.flatMap(({ commands }) => commands);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) connection.close();
    await this.#running;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) serving.push(this.#serve(connection));
    } catch {
      // A handshake that fails ends the loop: the client did not trust us.
    }
    await Promise.all(serving);
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    this.#open.add(connection);
    const session: Session = { commands: [], mails: [] };
    this.sessions.push(session);
    const say = (line: string) => connection.write(new TextEncoder().encode(line + CRLF));
    try {
      if (this.options.silent !== true) await say("220 sink");
      let mail: string[] | null = null;
      for await (const line of lines(connection)) {
        if (this.options.silent === true) continue;
        if (mail === null) {
          session.commands.push(line);
          await say(this.#answer(line));
          if (line === "DATA") mail = [];
        } else if (line === ".") {
          session.mails.push(mail.join(CRLF));
          mail = null;
          await say("250 kept");
        } else {
          mail.push(line);
        }
      }
    } catch {
      // The client went away, or the sink was closed.
    }
    this.#open.delete(connection);
    try {
      connection.close();
    } catch {
      // It was closed with the sink.
    }
  }

  #answer(line: string): string {
    const [word = ""] = line.split(" ");
    const other = this.options.answers?.[word];
    if (other !== undefined) return other;
    if (word === "EHLO") return `250-sink${CRLF}250 AUTH PLAIN`;
    if (word === "DATA") return "354 go on";
    if (word === "AUTH") return "235 welcome";
    return ["MAIL", "RCPT", "RSET", "QUIT"].includes(word) ? "250 fine" : "502 not here";
  }
}

async function* lines(connection: Deno.Conn): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let left = "";
  for await (const chunk of connection.readable) {
    left += decoder.decode(chunk, { stream: true });
    const whole = left.split(CRLF);
    left = whole.pop() ?? "";
    yield* whole;
  }
}
