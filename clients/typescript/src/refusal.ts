import { CountersignError } from "./errors.ts";

/** What a model is told of a call that was not run, as the result of that call. */
export interface Refusal {
  readonly ran: false;
  /** As `NotRun` has it; `guard_failed` where the guard itself broke. */
  readonly code: string;
  readonly message: string;
  /** The request that people know it by. */
  readonly reference: string | null;
  /** What the service says can be done: routes and seconds. */
  readonly next: Readonly<Record<string, unknown>> | null;
  /** The same for whoever reads: one sentence or two. */
  readonly what_to_do: string;
}

const AGAIN =
  "Tell the user that it waits for a person. Once it is approved, make this call again, with the " +
  "same arguments.";
const LATER = "Tell the user. The same call may be made again later.";
const NEVER =
  "Tell the user. Do not make this call again as it is, and do not try to reach the same end in " +
  "another way.";

const ADVICE: Readonly<Record<string, string>> = {
  pending: AGAIN,
  unreachable: LATER,
  timed_out: LATER,
  bad_answer: LATER,
  guard_failed: LATER,
  rate_limited: LATER,
  overloaded: LATER,
  expired: LATER,
};

/** What is said of whatever kept a tool from running: an error of any kind, before its body. */
export function refusalOf(tool: string, error: unknown): Refusal {
  const known = error instanceof CountersignError;
  // What an unknown error says may be anything, also what a model must not read.
  const message = known ? error.message : `${tool} did not run: its guard failed`;
  const code = known ? error.code : "guard_failed";
  const { reference, next } = known ? error : { reference: null, next: null };
  return { ran: false, code, message, reference, next, what_to_do: ADVICE[code] ?? NEVER };
}

/** Whether the result of a tool says that it was not run. */
export function isRefusal(value: unknown): value is Refusal {
  if (typeof value !== "object" || value === null) return false;
  const { ran, code, what_to_do } = value as Partial<Refusal>;
  return ran === false && typeof code === "string" && typeof what_to_do === "string";
}
