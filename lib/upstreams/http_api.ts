import type { JsonObject } from "../base/json.ts";
import type { HostAnswer, KeepingFetch } from "../deps.ts";
import { addressWith, type OperationRequest, requestOf } from "../openapi/request.ts";
import { percentEncoded } from "../openapi/styles.ts";
import { StrangerFetchFailed } from "../outside/http_answer.ts";
import { FirstSignal } from "./first_signal.ts";
import { readForeign } from "./foreign_json.ts";
import { wholeMessage } from "./framing.ts";
import {
  declared,
  inTurns,
  isNotSent,
  mediaType,
  replyOfFailure,
  retryAfter,
} from "./http_reply.ts";
import {
  type HttpAnswered,
  inUtf8,
  isObjectText,
  resultMessage,
  textOfFile,
} from "./http_result.ts";
import type { UpstreamClock } from "./mcp_upstream.ts";
import { callOutcome } from "./outcome.ts";
import type {
  CalledTool,
  CallOptions,
  CallOutcome,
  Connected,
  Injection,
  NotListed,
  NotSent,
  UpstreamCredential,
  UpstreamPort,
  UpstreamTarget,
} from "./port.ts";
import { foreignText, notSent, stopped, unknown } from "./rpc.ts";

/**
 * An HTTP API as an upstream. A call is one request, as the approved definition makes it of the
 * arguments; no redirect is followed, and no byte is sent twice but where the API answered 401 and
 * there is another credential, for then it let nothing in.
 *
 * What it answers is a result: text as text, JSON that is an object as structured content besides,
 * pictures and sounds as such, everything else as a file.
 */

/** What an API is asked by. */
export interface ApiWay extends UpstreamClock {
  readonly hosts: KeepingFetch;
  readonly target: UpstreamTarget;
  readonly credential: UpstreamCredential | null;
}

/** Most bytes of the body of an answer that is an error. */
const MAX_ERROR = 64 * 1024;

export class HttpApi implements UpstreamPort {
  readonly #closing = new AbortController();

  constructor(readonly way: ApiWay) {}

  /** There is nothing to agree on; that what it is to be shown can be opened is all that is seen to. */
  async connect(signal: AbortSignal): Promise<Connected | NotSent> {
    const { credential, target } = this.way;
    if (signal.aborted || this.#closing.signal.aborted) {
      return notSent("stopped", "The call was ended before it was sent.");
    }
    const opened = await credential?.open(target.url) ?? null;
    return isNotSent(opened) ? opened : { is: "connected", protocol: null };
  }

  list(): Promise<NotListed> {
    const says = "An HTTP API is asked for no list: its document says what it offers.";
    return Promise.resolve({ is: "not_listed", why: "malformed", says });
  }

  async call(
    { operation }: CalledTool,
    args: JsonObject,
    options: CallOptions,
  ): Promise<CallOutcome> {
    const { credential, target } = this.way;
    if (operation === null) return notSent("unreachable", "How it is asked is being read anew.");
    const request = requestOf(operation, args, target.url);
    if ("message" in request) return notSent("unreachable", `Its arguments ${request.message}.`);
    const opened = await credential?.open(target.url) ?? null;
    if (isNotSent(opened)) return opened;
    const outcome = await this.#sent(request, opened, options);
    const isShut = outcome.is === "not_sent" && outcome.why === "unauthorized";
    if (credential === null || opened === null || !isShut) return outcome;
    // It ran nothing: whoever answers 401 did not let the request in.
    const other = await credential.instead(opened, target.url);
    if (isNotSent(other)) return other;
    if (other === null) return credential.refused;
    const again = await this.#sent(request, other, options);
    return again.is === "not_sent" && again.why === "unauthorized" ? credential.refused : again;
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.way.hosts.close();
    return Promise.resolve();
  }

  async #sent(
    request: OperationRequest,
    injection: Injection | null,
    options: CallOptions,
  ): Promise<CallOutcome> {
    using first = new FirstSignal([options.signal, this.#closing.signal]);
    const { signal } = first;
    let written = false;
    try {
      signal.throwIfAborted();
      const { method, body } = request;
      const answer = await this.way.hosts.ask({
        url: addressOf(request, injection),
        method,
        // The last word have the owner's own headers, and what the API lets in by.
        headers: { ...request.headers, ...this.way.target.headers, ...injection?.headers },
        ...(body === null ? {} : { body }),
        limit_ms: options.timeout_ms,
        max_body: Math.max(options.max_bytes, MAX_ERROR) + 1,
        signal,
        beforeSending: () => {
          written = true;
          return Promise.resolve();
        },
      });
      return await this.#outcome(answer, request, injection, options);
    } catch (error) {
      if (signal.aborted) return stopped(written);
      if (!(error instanceof StrangerFetchFailed)) throw error;
      return replyOfFailure(error);
    }
  }

  async #outcome(
    answer: HostAnswer,
    { address }: OperationRequest,
    injection: Injection | null,
    options: CallOptions,
  ): Promise<CallOutcome> {
    const { status, headers, body } = answer;
    const { max_bytes, repeatable } = options;
    if (status < 200 || status >= 300) {
      const said = await this.#said(answer, injection, options);
      const retry_after_seconds = retryAfter(headers);
      const reply = { is: "status", status, error: null, retry_after_seconds } as const;
      const outcome = callOutcome({ ...reply, in_session: false }, repeatable);
      return outcome.is === "failed" && said !== "" ? { ...outcome, says: said } : outcome;
    }
    const bytes = declared(headers);
    if (bytes !== null && bytes > max_bytes) {
      await body?.cancel();
      return { is: "too_large", max_bytes, bytes };
    }
    const read = body === null
      ? new Uint8Array(0)
      : await wholeMessage(inTurns(body, this.way), max_bytes);
    if (read === "too_large") return { is: "too_large", max_bytes, bytes: null };
    const media_type = mediaType(answer);
    const text = inUtf8(read, media_type, headers.get("content-type"));
    if (text.length > max_bytes) return { is: "too_large", max_bytes, bytes: null };
    const answered = { status, media_type, body: text, address };
    return await this.#result(
      await this.#withoutIt(answered, injection, options),
      injection,
      options,
    );
  }

  /** A file that is a text repeats a credential as every text may: it is cut out before it is one. */
  async #withoutIt(
    answered: HttpAnswered,
    injection: Injection | null,
    { redacted }: CallOptions,
  ): Promise<HttpAnswered> {
    const text = injection === null ? null : textOfFile(answered);
    if (injection === null || text === null) return answered;
    const json = new TextEncoder().encode(JSON.stringify(text));
    const cut = await injection.withoutIt(json, () => this.way.timer(0).elapsed);
    if (cut.count === 0) return answered;
    redacted?.(cut.count);
    const whole: string = JSON.parse(new TextDecoder().decode(cut.value));
    return { ...answered, body: new TextEncoder().encode(whole) };
  }

  /** Nobody reads anything of it before the credential that it may repeat is cut out. */
  async #result(
    answered: HttpAnswered,
    injection: Injection | null,
    { max_bytes, repeatable, redacted }: CallOptions,
  ): Promise<CallOutcome> {
    // Twice the same, as text and as values: only where both are within what a result may have.
    const isBoth = isObjectText(answered) && 2 * answered.body.length <= max_bytes &&
      typeof await readForeign(answered.body, this.way.timer) !== "string";
    for (const structured of isBoth ? [true, false] : [false]) {
      const message = resultMessage(answered, structured);
      const turn = () => this.way.timer(0).elapsed;
      const cut = await injection?.withoutIt(message, turn) ?? { value: message, count: 0 };
      const read = await readForeign(cut.value, this.way.timer);
      // What is no JSON that all read alike, or has too many values, is a text.
      if (typeof read === "string") continue;
      if (cut.count > 0) redacted?.(structured ? Math.ceil(cut.count / 2) : cut.count);
      return callOutcome({ is: "result", message: read }, repeatable);
    }
    return unknown("malformed", "Its answer is no text.");
  }

  /** What an answer that is an error says, cut, and without what it may repeat. */
  async #said(
    answer: HostAnswer,
    injection: Injection | null,
    { redacted }: CallOptions,
  ): Promise<string> {
    const { body, headers, status } = answer;
    if (body === null) return "";
    try {
      const read = await wholeMessage(body, MAX_ERROR);
      if (read === "too_large" || read.length === 0) return "";
      const plain = inUtf8(read, mediaType(answer), headers.get("content-type"));
      const text = JSON.stringify(new TextDecoder().decode(plain));
      const json = new TextEncoder().encode(text);
      const turn = () => this.way.timer(0).elapsed;
      const cut = await injection?.withoutIt(json, turn) ?? { value: json, count: 0 };
      if (cut.count > 0) redacted?.(cut.count);
      return foreignText(
        `It answered ${status}: ${JSON.parse(new TextDecoder().decode(cut.value))}`,
      );
    } catch (error) {
      // The status is there, whatever becomes of what follows it.
      if (error instanceof StrangerFetchFailed) return "";
      throw error;
    }
  }
}

/** The address with what the API lets in by: no argument of that name goes along. */
function addressOf(
  { address, query }: OperationRequest,
  injection: Injection | null,
): string {
  const own = Object.entries(injection?.parameters ?? {})
    .map(([name, value]) => [percentEncoded(name), percentEncoded(value)] as const);
  const names = new Set(own.map(([name]) => name));
  return addressWith(address, [...query.filter(([name]) => !names.has(name)), ...own]);
}
