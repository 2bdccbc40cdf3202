import type { AnswerHead } from "../deps.ts";
import type { StrangerFetchFailed } from "../outside/http_answer.ts";
import type { Timer } from "../store/system.ts";
import type { Injection, NotSent, Unknown } from "./port.ts";
import { notSent, unknown } from "./rpc.ts";

/** What an answer by HTTP says besides its body, whatever is spoken over it. */

/** The media type, without its parameters and in lower case. */
export function mediaType({ headers }: AnswerHead): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** How long a body says that it is. */
export function declared(headers: Headers): number | null {
  const length = headers.get("content-length");
  return length !== null && /^[0-9]{1,15}$/.test(length) ? Number(length) : null;
}

/** The seconds of `Retry-After`; a date there counts as nothing said. */
export function retryAfter(headers: Headers): number | null {
  const value = headers.get("retry-after")?.trim() ?? "";
  return /^[0-9]{1,6}$/.test(value) ? Number(value) : null;
}

/** What a failed request means. `sent` is the word of the client that not one byte was written. */
export function replyOfFailure({ code, message, sent }: StrangerFetchFailed): NotSent | Unknown {
  if (!sent) return notSent(code === "busy" ? "busy" : "unreachable", message);
  switch (code) {
    case "timed_out":
      return unknown("timed_out", message);
    case "redirected":
      return unknown("status", `${message} Redirects are not followed.`);
    case "answer_malformed":
    case "answer_too_large":
      return unknown("malformed", message);
    case "unreachable":
    case "busy":
    case "address_refused":
      return unknown("cut", message);
  }
}

export function isNotSent(opened: Injection | NotSent | null): opened is NotSent {
  return opened !== null && "is" in opened;
}

/** What time goes by, to whoever reads. */
interface Clock {
  readonly timer: (milliseconds: number) => Timer;
  readonly monotonic: () => number;
}

/** After so much work with what arrived others get their turn, milliseconds. */
const TURN_MS = 10;

/** The same pieces; what arrives faster than it is read does not hold up everybody else. */
export async function* inTurns(
  body: AsyncIterable<Uint8Array>,
  { monotonic, timer }: Clock,
): AsyncGenerator<Uint8Array, void> {
  let worked = 0;
  for await (const piece of body) {
    const begun = monotonic();
    yield piece;
    worked += monotonic() - begun;
    if (worked < TURN_MS) continue;
    await timer(0).elapsed;
    worked = 0;
  }
}
