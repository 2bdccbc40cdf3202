import type { StoreDeps } from "./store/kv.ts";
import type { LogLine } from "./store/system.ts";
import type { UpstreamPorts } from "./upstreams/port.ts";

/**
 * What comes from outside: the store, time, turns and chance. A test puts its own in their place, runs
 * a week of approvals in a millisecond, fails any commit, and replays a seed.
 */
export interface Deps extends StoreDeps {
  /** Whether the store delivers queue messages; KV Connect and Deno Deploy do not. */
  readonly queues: boolean;
  /** Milliseconds since some moment: counts on whatever the clock is set to. */
  readonly monotonic: () => number;
  /** Calls back when all that has come in by now was heard: after this turn of the event loop. */
  readonly afterTurn: (callback: () => void) => void;
  /** Does some work at each full minute, until the signal. */
  readonly everyMinute: (name: string, work: () => Promise<void>, stop: AbortSignal) => void;
  readonly log: LogLine;
  readonly mail: Mailer;
  readonly push: PushFetch;
  /** Asks hosts that clients name. */
  readonly strangers: StrangerFetch;
  /** Asks hosts that members of an org name, among them those that the operator let be private. */
  readonly hosts: HostFetch;
  /** What runs tools for the orgs that named it. */
  readonly upstreams: UpstreamPorts;
}

/** A request to a host that somebody else named. */
export interface StrangerRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  /** Names in lower case. Host, length and connection are not the caller's to say. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** How long all of it may take, from the look-up of the name to the last byte. */
  readonly limit_ms: number;
  /** Most bytes of an answer's body. */
  readonly max_body: number;
  /** Whether the body that follows this head is worth reading. */
  readonly bodyWanted: (head: AnswerHead) => boolean;
}

/** A request to a host that a member of an org named. */
export interface HostRequest {
  readonly url: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Names in lower case. Host, length and connection are not the caller's to say. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /**
   * How long all of it may take, from the look-up of the name to the last byte; as long again it
   * waits for its turn where many ask that host.
   */
  readonly limit_ms: number;
  /** How long nothing of the answer's body may come, or be read, from when its head has. */
  readonly idle_ms?: number;
  /** Most bytes of an answer's body; of all else it is 16 KiB. */
  readonly max_body: number;
  /** Ends it at once, with the signal's own reason. */
  readonly signal?: AbortSignal;
  /**
   * Awaited when the connection stands and nothing was sent yet; when it throws, nothing is, and the
   * error is handed on.
   */
  readonly beforeSending?: () => Promise<void>;
  /**
   * Whether it may arrive twice: it is sent once more where a connection that was kept ended before
   * any byte of an answer. All else is sent once, whatever happens.
   */
  readonly repeatable?: boolean;
}

/** An answer whose body is still to come. It holds its slot until that is read or cancelled. */
export interface HostAnswer extends AnswerHead {
  /** Null where there is none. It fails by a `StrangerFetchFailed` where it cannot be read on. */
  readonly body: AnswerBody | null;
}

/** The body of an answer, in pieces as they are asked for; to be read once. */
export interface AnswerBody extends AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Leaves the rest of it unread. */
  cancel(): Promise<void>;
}

/** Asks a host that a member of an org named. @throws {StrangerFetchFailed} */
export type HostFetch = (request: HostRequest) => Promise<HostAnswer>;

/** Asks hosts, and keeps the connections to them for a while for its own next requests. */
export interface KeepingFetch {
  readonly ask: HostFetch;
  /** Closes those that rest; what is under way goes on. */
  close(): void;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: Headers;
}

export interface StrangerAnswer extends AnswerHead {
  /** Null where it was not wanted. */
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** Asks a host that somebody else named. @throws {StrangerFetchFailed} */
export type StrangerFetch = (request: StrangerRequest) => Promise<StrangerAnswer>;

/** A mail of plain text to one person. */
export interface Mail {
  /** One e-mail address. */
  readonly to: string;
  /** One line. */
  readonly subject: string;
  readonly text: string;
}

/** What takes mails away. */
export interface Mailer {
  /** Whether mails reach the people they are for; otherwise the operator sees them instead. */
  readonly configured: boolean;
  /** Resolves once another server has taken the mail. @throws {MailFailed} */
  send(mail: Mail): Promise<void>;
}

/** A request to a push service (RFC 8030 section 5). */
export interface PushRequest {
  /** Where a browser said that its pushes go. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a push service answered; its body is of no use. */
export interface PushResponse {
  readonly status: number;
  /** `Retry-After` in seconds, where there is one. */
  readonly retry_after_seconds: number | null;
}

/**
 * Posts to a push service.
 * @throws {EndpointRefused} for an address that nothing is to be sent to, and what the network throws
 */
export type PushFetch = (request: PushRequest) => Promise<PushResponse>;
