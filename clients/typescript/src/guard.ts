import type { Action, Asking, Authorization, Authorized, Unasked } from "./authorize.ts";
import { notRun, sound } from "./authorize.ts";
import type { Countersign } from "./countersign.ts";
import { CountersignError, NotRun } from "./errors.ts";
import { type Refusal, refusalOf } from "./refusal.ts";

/** A tool, and how its calls are asked for. */
export interface GuardedTool<A extends Readonly<Record<string, unknown>>, R> {
  readonly tool_name: string;
  /** The body. It is given a copy of the arguments that were authorized. */
  readonly run: (args: A) => R | Promise<R>;
  /** Facts of a call besides its arguments: the tenant, the resource, the mandate. */
  readonly facts?: (args: A) => Omit<Action, "tool_name" | "arguments">;
  /** Why, where the caller does not say it. */
  readonly reason?: string | ((args: A) => string);
  readonly wait?: number;
  readonly onPending?: Asking["onPending"];
  /**
   * What a run has cost, in micros; it settles the estimate under a mandate. One that throws, or gives
   * no whole number, is no cost that is reported; the result of the run stays what it is.
   */
  readonly cost?: (result: R) => number;
  /** Whether a result that was returned is one; always, unless it is said. Throwing leaves it unknown. */
  readonly succeeded?: (result: R) => boolean;
}

/** What is said of all tools of a framework alike: everything but their names and bodies. */
// deno-lint-ignore no-explicit-any -- what every tool fits, whatever its arguments and results
export type AskingFor = Omit<GuardedTool<any, any>, "tool_name" | "run">;

/** What is said of a single call. */
export type CallAsking = Partial<Asking>;

/** A call that may run once, now: its token has been consumed. */
interface Permitted<A> {
  readonly permit: Authorized | Unasked;
  readonly copy: A;
}

/**
 * Wraps a tool so that it runs only when this very call was authorized, and its token is consumed
 * right before the body: anything else throws `NotRun`, and the body is not reached. Afterwards the
 * run is logged; a report that is lost changes nothing about the result.
 */
export function guard<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  tool: GuardedTool<A, R>,
): (args: A, asking?: CallAsking) => Promise<R> {
  return async (args, asking = {}) => {
    let allowed: Permitted<A>;
    try {
      allowed = await permitted(countersign, tool, args, asking);
    } catch (error) {
      // Whoever called it off is told so by their own reason.
      if (error instanceof NotRun || asking.signal?.aborted === true) throw error;
      const { code, message } = refusalOf(tool.tool_name, error);
      throw new NotRun(message, { code, cause: error });
    }
    return await run(countersign, tool, allowed);
  };
}

/** What became of a call in a framework: what its body returned, or what its model is told. */
export type Attempt<R> =
  | { readonly ran: true; readonly result: R }
  | { readonly ran: false; readonly refusal: Refusal };

/**
 * As `guard`, for frameworks: whatever keeps the body from being reached is a value that a model can
 * be told, a fault of the guard itself too, since a hook that throws is a yes to some frameworks.
 * @throws only what the body throws
 */
export function attempt<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  tool: GuardedTool<A, R>,
): (args: A, asking?: CallAsking) => Promise<Attempt<R>> {
  return async (args, asking = {}) => {
    let allowed: Permitted<A>;
    try {
      allowed = await permitted(countersign, tool, args, asking);
    } catch (error) {
      return { ran: false, refusal: refusalOf(tool.tool_name, error) };
    }
    return { ran: true, result: await run(countersign, tool, allowed) };
  };
}

/** A call that whoever asked runs by themselves, as the very next thing. */
export type Admission<A> =
  | {
    readonly admitted: true;
    /** What was authorized, byte by byte. */
    readonly args: A;
    /** The token that is used up; null for a tool that is said beforehand to run unasked. */
    readonly token_id: string | null;
    /** Says what became of the run; a report that is lost is lost. */
    readonly report: (execution_result: "success" | "error") => Promise<void>;
  }
  | { readonly admitted: false; readonly refusal: Refusal };

/**
 * As `attempt`, for hosts that run a tool themselves once they are told yes: the token is used up
 * when this returns, and what keeps the call from running afterwards has used it up in vain.
 */
export function admit<A extends Readonly<Record<string, unknown>>>(
  countersign: Countersign,
  tool: Omit<GuardedTool<A, unknown>, "run" | "cost">,
): (args: A, asking?: CallAsking) => Promise<Admission<A>> {
  return async (args, asking = {}) => {
    try {
      const held = { ...tool, run: () => undefined };
      const { permit, copy } = await permitted(countersign, held, args, asking);
      const token_id = permit.is_fallback ? null : permit.token_id;
      const report = reporter(countersign, tool.tool_name, permit);
      return { admitted: true, args: copy, token_id, report };
    } catch (error) {
      return { admitted: false, refusal: refusalOf(tool.tool_name, error) };
    }
  };
}

/** What is known of a call before its time to run has come. */
export type Sounding =
  | { readonly state: "clear" }
  | { readonly state: "pending" | "refused"; readonly refusal: Refusal };

/**
 * Asks about a call, and a person where one is needed, without a token: for frameworks that stop by
 * themselves until somebody has decided. `clear` lets nothing run: `attempt` does. Never throws.
 */
export function sounding<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  tool: GuardedTool<A, R>,
): (args: A, asking?: CallAsking) => Promise<Sounding> {
  return async (args, asking = {}) => {
    try {
      const { action } = frozen(tool, args);
      const said = reasoned(tool, args, { ...asking, wait: 0 });
      const answer = await sound(countersign, action, said);
      if (answer === null) return { state: "clear" };
      const refusal = refusalOf(tool.tool_name, notRun(tool.tool_name, answer));
      return { state: refusal.code === "pending" ? "pending" : "refused", refusal };
    } catch (error) {
      return { state: "refused", refusal: refusalOf(tool.tool_name, error) };
    }
  };
}

async function permitted<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  tool: GuardedTool<A, R>,
  args: A,
  asking: CallAsking,
): Promise<Permitted<A>> {
  const { action, copy } = frozen(tool, args);
  const permit = await sought(countersign, tool, action, reasoned(tool, args, asking));
  if (!permit.allowed) throw notRun(tool.tool_name, permit);
  if (!permit.is_fallback) {
    await consumed(countersign, tool.tool_name, action, permit, asking.signal);
  }
  // Called off while the last answer was on its way: the token is used up, and nothing runs.
  asking.signal?.throwIfAborted();
  return { permit, copy };
}

async function run<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  tool: GuardedTool<A, R>,
  { permit, copy }: Permitted<A>,
): Promise<R> {
  return permit.is_fallback ? await tool.run(copy) : await logged(countersign, tool, permit, copy);
}

/** The bytes are made once: what runs cannot differ from what was asked, whoever holds `args`. */
function frozen<A extends Readonly<Record<string, unknown>>, R>(
  { tool_name, facts }: GuardedTool<A, R>,
  args: A,
): { readonly action: Action; readonly copy: A } {
  // Whoever calls a tool that takes nothing may well give nothing.
  const text = JSON.stringify(args ?? {});
  const action = { ...facts?.(args), tool_name, arguments: JSON.parse(text) as A };
  return { action, copy: JSON.parse(text) as A };
}

function reasoned<A extends Readonly<Record<string, unknown>>, R>(
  { reason, wait, onPending }: GuardedTool<A, R>,
  args: A,
  asking: CallAsking,
): Asking {
  return {
    reason: (typeof reason === "function" ? reason(args) : reason) ?? "No reason given.",
    ...(wait === undefined ? {} : { wait }),
    ...(onPending === undefined ? {} : { onPending }),
    ...asking,
  };
}

async function sought<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  { tool_name }: GuardedTool<A, R>,
  action: Action,
  asking: Asking,
): Promise<Authorization> {
  try {
    return await countersign.authorize(action, asking);
  } catch (error) {
    throw broken(tool_name, error);
  }
}

async function consumed(
  countersign: Countersign,
  tool: string,
  action: Action,
  { token, token_id }: Authorized,
  signal: AbortSignal | undefined,
): Promise<void> {
  let answer;
  try {
    answer = await countersign.consume(token, action, signal === undefined ? {} : { signal });
  } catch (error) {
    throw broken(tool, error);
  }
  if (answer.token_id !== token_id) {
    throw new NotRun(`${tool} did not run: another token was consumed than was sent`, {
      code: "bad_answer",
    });
  }
}

function broken(tool: string, error: unknown): unknown {
  if (!(error instanceof CountersignError)) return error;
  const { code, reference, next, message } = error;
  return new NotRun(`${tool} did not run: ${message}`, { code, reference, next, cause: error });
}

async function logged<A extends Readonly<Record<string, unknown>>, R>(
  countersign: Countersign,
  tool: GuardedTool<A, R>,
  permit: Authorized,
  args: A,
): Promise<R> {
  const report = reporter(countersign, tool.tool_name, permit);
  let result: R;
  try {
    result = await tool.run(args);
  } catch (error) {
    // Not why: messages of tools hold what the log must not.
    await report("error");
    throw error;
  }
  // The tool has run: what is wrong with what is said of it must not lose its result.
  const cost_micros = attempted(() => tool.cost?.(result));
  const succeeded = attempted(() => tool.succeeded?.(result) ?? true);
  const outcome = succeeded === undefined ? "unknown" : succeeded ? "success" : "error";
  await report(outcome, Number.isSafeInteger(cost_micros) ? { cost_micros: cost_micros ?? 0 } : {});
  return result;
}

/** What a function of the caller's gives; undefined where it throws. */
function attempted<T>(of: () => T): T | undefined {
  try {
    return of();
  } catch {
    return undefined;
  }
}

/** Says once what became of a run that begins now. */
function reporter(
  countersign: Countersign,
  tool_name: string,
  permit: Authorized | Unasked,
): (
  execution_result: "success" | "error" | "unknown",
  more?: { readonly cost_micros?: number },
) => Promise<void> {
  const { now } = countersign.ways.clock;
  const began = now();
  return async (execution_result, more = {}) => {
    if (permit.is_fallback) return;
    const duration_ms = Math.max(0, Math.round(now() - began));
    const report = { tool_name, token: permit.token, execution_result, duration_ms, ...more };
    // The tool has run. A report that is lost must not look like a tool that was not run.
    await countersign.log(report).catch(() => {});
  };
}
