import type { JsonObject } from "../base/json.ts";
import type { HttpOperation } from "../store/records/operation.ts";
import type { DefinitionTexts } from "../store/records/upstream.ts";

/**
 * What runs tools for us, whatever is spoken with it. Who is above this line decides and records; who
 * is below it talks to the upstream, and says of each call which of three things happened to it: it
 * was answered, it was not sent, or nobody knows. Nothing here knows of callers or their credentials,
 * so none of these can get out. What the upstream itself is to be shown is opened for one request at a
 * time, and cut out of what comes back before anybody reads it.
 */

/** Where an upstream is. */
export interface UpstreamTarget {
  /**
   * - `mcp`: an MCP server by Streamable HTTP.
   * - `mcp_stdio`: one that this host runs. Its command is in the host's own file and nowhere else.
   * - `openapi`: an HTTP API; `url` is what the paths of its operations are below.
   */
  readonly kind: "mcp" | "mcp_stdio" | "openapi";
  /** Of a program of this host the name and digest that stand for it (`programUrl`). */
  readonly url: string;
  /** Sent with each request: in lower case, and no secrets. None to a program. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What requests to an upstream carry besides, opened anew for each and held by nobody. */
export interface UpstreamCredential {
  /** Sessions that were begun with one are no other's. */
  readonly id: string;
  /** What goes into a request to this address, or why nothing may be sent there. */
  open(url: string): Promise<Injection | NotSent>;
  /** What to try instead of one that was answered 401; null for nothing. */
  instead(refused: Injection, url: string): Promise<Injection | NotSent | null>;
  /** What is told where the upstream takes none that there is. */
  readonly refused: NotSent;
}

/** A credential on its way into one request. */
export interface Injection {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the address, besides those that it has. */
  readonly parameters: Readonly<Record<string, string>>;
  /** A JSON text without the credential, however it is written in it, and how often it was. */
  withoutIt(
    json: Uint8Array<ArrayBuffer>,
    turn: () => Promise<void>,
  ): Promise<{ readonly value: Uint8Array<ArrayBuffer>; readonly count: number }>;
}

/** The upstreams as far as this process is connected to them. */
export interface UpstreamPorts {
  /**
   * A place at an upstream of an org; null where as many calls as may (`MAX_IN_FLIGHT`) run there
   * already. Taking it connects nothing. Whoever has it gives it back, once and at once when done.
   */
  take(
    upstream: {
      readonly org_id: string;
      readonly name: string;
      readonly target: UpstreamTarget;
      /** Null where it is shown none. */
      readonly credential: UpstreamCredential | null;
    },
  ): UpstreamPlace | null;
  /** Ends sessions and processes; what still runs is then unknown. */
  close(): Promise<void>;
}

/** How many calls one upstream of an org runs at the same time. */
export const MAX_IN_FLIGHT = 8;

/** A place at an upstream, until it is released. */
export interface UpstreamPlace {
  readonly port: UpstreamPort;
  release(): void;
}

/** One upstream. No method throws for anything that the upstream does. */
export interface UpstreamPort {
  /**
   * Sees to it that the upstream can be called: that a session stands, and that one which lay idle
   * still does. To be awaited before a call's permission is used up, so that a dead upstream costs
   * none.
   */
  connect(signal: AbortSignal): Promise<Connected | NotSent>;
  /** All its tools, whatever number of pages it has them on, within bounds. */
  list(signal: AbortSignal): Promise<Listed | NotListed>;
  /**
   * Runs a tool once: at most one `tools/call` leaves that the upstream may have begun to run. It is
   * sent a second time only where the upstream said that it did not know our session, for it ran
   * nothing then.
   */
  call(tool: CalledTool, args: JsonObject, options: CallOptions): Promise<CallOutcome>;
}

/** How an upstream speaks, as it said itself. */
export interface UpstreamProtocol {
  /** `modern`: stateless, from 2026-07-28 on; `legacy`: with a handshake, and perhaps a session. */
  readonly era: "modern" | "legacy";
  /** A date, as `2026-07-28`. */
  readonly version: string;
  /** Its own words for itself, cut and with hidden characters made visible; null without any. */
  readonly server: { readonly name: string; readonly version: string } | null;
}

export interface Connected {
  readonly is: "connected";
  /** Null of an HTTP API, which has none to agree on. */
  readonly protocol: UpstreamProtocol | null;
}

/** A tool as the upstream defines it. */
export interface ListedTool {
  /** Its name at the upstream: at most 128 visible characters, once in a list, and no path. */
  readonly name: string;
  /** The whole of it as it was sent, `name` included. */
  readonly definition: JsonObject;
  /** Its texts, where they are made already. */
  readonly texts?: DefinitionTexts;
}

export interface Listed {
  readonly is: "listed";
  readonly protocol: UpstreamProtocol | null;
  /** In the order of the upstream. */
  readonly tools: readonly ListedTool[];
  /** Tools that cannot be taken as they are: `name` can be shown, `why` ends "It …". */
  readonly refused: readonly { readonly name: string; readonly why: string }[];
}

/** There is no list that can be used. */
export interface NotListed {
  readonly is: "not_listed";
  /** Besides the reasons of `NotSent`: the answer is not what the protocol says, or too large. */
  readonly why: NotSent["why"] | "malformed" | "too_large";
  readonly says: string;
  readonly reconnect?: { readonly credential_id: string; readonly connect_url: string };
}

/** Which tool is called. */
export interface CalledTool {
  /** Its name at the upstream. */
  readonly name: string;
  /** Its schema as approved: some of the arguments are to be repeated in headers, as it says. */
  readonly input_schema: JsonObject;
  /** Of an HTTP API: how it is asked, as approved; null of others. */
  readonly operation: HttpOperation | null;
}

export interface CallOptions {
  /** From the look-up of the host to the last byte of the answer. */
  readonly timeout_ms: number;
  /** Most bytes of the answer. */
  readonly max_bytes: number;
  /** Ends the call, and tells the upstream so. What was sent is then unknown. */
  readonly signal: AbortSignal;
  /** Whether its owner said that the tool only reads, or may be repeated: a 503 is then `busy`. */
  readonly repeatable: boolean;
  /** Told of what the upstream says of its progress, each time of more than before. */
  readonly progress?: (progress: UpstreamProgress) => void;
  /** Told that its list of tools is another one by now. */
  readonly changed?: () => void;
  /** Told how often the credential was cut out of the answer, where it was. */
  readonly redacted?: (count: number) => void;
}

export interface UpstreamProgress {
  readonly progress: number;
  readonly total: number | null;
  /** Foreign text, cut and with hidden characters made visible. */
  readonly message: string | null;
}

/** What became of a call. */
export type CallOutcome = Answered | NotSent | Unknown;

/** The upstream answered: whatever it did is done. */
export type Answered = AnsweredResult | AnsweredTooLarge | AnsweredAsks | AnsweredFailed;

/** The tool's own result, also where it says `isError`. */
export interface AnsweredResult {
  readonly is: "result";
  /**
   * JSON text of an object, byte for byte as the upstream sent it, but for a credential that stood in
   * it: numbers have all their digits. No member of it stands twice, so every reader means the same by
   * it; depth and number of its values are bounded. No value is made of it: that would take as much
   * again, or twice.
   */
  readonly json: Uint8Array<ArrayBuffer>;
  /**
   * The text of its `content`, a part of `json`: an array of objects that each have a `type`. `[]`
   * where there was none.
   */
  readonly content: Uint8Array<ArrayBuffer>;
  /** The text of its `structuredContent`, likewise; null where there is none. */
  readonly structured_content: Uint8Array<ArrayBuffer> | null;
  /** The texts of its other members, by name; those of `_meta` by themselves, where that is an object. */
  readonly rest: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly meta: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly is_error: boolean;
}

/** The answer began to come and is larger, or of more values, than may be read. */
export interface AnsweredTooLarge {
  readonly is: "too_large";
  readonly max_bytes: number;
  /** What the upstream said to be its size; null where it said nothing. */
  readonly bytes: number | null;
}

/** The upstream wants to know something first (`input_required`), which nobody here tells it. */
export interface AnsweredAsks {
  readonly is: "asks";
  /** What it asked for, as the methods of the protocol: `elicitation/create`. */
  readonly asked: readonly string[];
}

/** The upstream refused: a status of 4xx, or an error of the protocol. */
export interface AnsweredFailed {
  readonly is: "failed";
  /** Of HTTP; null where that was a success, or by stdio. */
  readonly status: number | null;
  /** Of JSON-RPC; null where there is none. */
  readonly code: number | null;
  /** Foreign text, cut and with hidden characters made visible. */
  readonly says: string;
}

/**
 * The upstream ran nothing: no byte of the call was written, or it answered that it took none.
 * - `unreachable`: no address, no connection, no proof of its name, or it speaks no MCP.
 * - `unauthorized`: it answered 401, or there is no credential that could be sent there.
 * - `needs_reconnect`: a person has to connect its credential again. Of this and of `unauthorized`
 *   `reconnect` says which, and where.
 * - `session_lost`: it answered 404 to our session, and to the one that was made after it.
 * - `busy`: 429; 503 where the call is repeatable; or no slot for its host.
 * - `stopped`: the signal was aborted before anything was written.
 */
export interface NotSent {
  readonly is: "not_sent";
  readonly why:
    | "unreachable"
    | "unauthorized"
    | "needs_reconnect"
    | "session_lost"
    | "busy"
    | "stopped";
  /** For whoever named the upstream, in one sentence. */
  readonly says: string;
  /** When it asked to be asked again; null where it said nothing. */
  readonly retry_after_seconds: number | null;
  /** Which credential a person has to see to, and at which address. */
  readonly reconnect?: { readonly credential_id: string; readonly connect_url: string };
}

/** The call may have run, or run still. */
export interface Unknown {
  readonly is: "unknown";
  /**
   * - `timed_out`: no whole answer within its time.
   * - `cut`: the answer ended, or the connection or process did, before it was there.
   * - `malformed`: what came is no answer to our call.
   * - `status`: a status that says nothing of whether it ran: 3xx or 5xx.
   * - `stopped`: the signal was aborted after something was written.
   */
  readonly why: "timed_out" | "cut" | "malformed" | "status" | "stopped";
  readonly says: string;
}
