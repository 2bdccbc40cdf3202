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

export interface AnswerHead {
  readonly status: number;
  readonly headers: Headers;
}

export interface StrangerAnswer extends AnswerHead {
  /** Null where it was not wanted. */
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/**
 * - `address_refused`: the URL, or an address that its host has, is not one to connect to.
 * - `unreachable`: no address, no connection, no proof of the name, no whole answer in time.
 * - `redirected`: the answer leads elsewhere.
 * - `answer_malformed`: it is not HTTP, or not such that every reader finds the same end of it.
 * - `answer_too_large`: the body that was wanted is larger than asked for.
 */
export type StrangerFailure =
  | "address_refused"
  | "unreachable"
  | "redirected"
  | "answer_malformed"
  | "answer_too_large";

/** There is no answer that can be used. The message may be shown to whoever named the host. */
export class StrangerFetchFailed extends Error {
  constructor(readonly code: StrangerFailure, message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** Asks a host that somebody else named. @throws {StrangerFetchFailed} */
export type StrangerFetch = (request: StrangerRequest) => Promise<StrangerAnswer>;
