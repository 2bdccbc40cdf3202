import type { z } from "zod";
import type { CallerTier } from "../../lib/identity/caller.ts";
import type { Answer, Call, OpenCall } from "./call.ts";
import type { BodyLimit } from "./inputs.ts";
import type { ProblemCode } from "./problems.ts";

type Method = "get" | "post" | "put" | "patch" | "delete";

interface Described {
  readonly method: Method;
  /** Hono's form: `/v1/rules/:id`, `/v1/tools/:name{.+}`. */
  readonly path: string;
  /** Group in the API reference. */
  readonly group: string;
  readonly summary: string;
  /** More than the summary says, in Markdown. */
  readonly description?: string;
  /** Statuses of success, each with the schema of its body; null for a body that is not JSON. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  /** Media type of an answer that is not JSON, or is so only when asked for. */
  readonly media?: string;
  /** What this route refuses besides what every route of its kind does. */
  readonly refusals?: readonly ProblemCode[];
}

interface Inputs<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
}

/** A route for callers who present a key. */
export interface GuardedRoute extends Described, Inputs<z.ZodType, z.ZodType, z.ZodType> {
  readonly callers: readonly CallerTier[];
  /** What a body may be, where that is more than `USUAL_BODY`. */
  readonly bodyLimit?: BodyLimit;
  /** As how many requests a call counts against its caller's limit; without it one. */
  readonly counts?: (body: unknown) => number;
  /** Answers who presents no key; without it they are refused. What they have instead, it checks. */
  readonly keyless?: (call: OpenCall) => Promise<Answer>;
  /** Whether an `Idempotency-Key` counts although it is no POST. */
  readonly keyed?: boolean;
  readonly handle: (
    call: Call<unknown, unknown, unknown>,
  ) => Promise<Answer | Response> | Answer | Response;
}

/** A route for everybody. */
interface OpenRoute extends Described {
  readonly callers: "open";
  /** True for what may be asked under any Host: a probe knows an address and no name. */
  readonly anyHost?: boolean;
  readonly params?: z.ZodType;
  readonly body?: z.ZodType;
  readonly handle: (call: OpenCall) => Promise<Answer | Response> | Answer | Response;
}

export type Route = GuardedRoute | OpenRoute;

/** Declares a route for callers with a key: what it takes and answers also makes its reference. */
export function guarded<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(
  route: Described & Inputs<P, Q, B> & {
    readonly callers: readonly CallerTier[];
    readonly bodyLimit?: BodyLimit;
    readonly counts?: (body: z.output<B>) => number;
    readonly keyless?: (call: OpenCall) => Promise<Answer>;
    readonly keyed?: boolean;
    readonly handle: (
      call: Call<z.output<P>, z.output<Q>, z.output<B>>,
    ) => Promise<Answer | Response> | Answer | Response;
  },
): GuardedRoute {
  // The surface parses every input by the route's own schemas before it calls the handler.
  return route as unknown as GuardedRoute;
}

/** Declares a route for everybody. */
export function open(route: Omit<OpenRoute, "callers">): OpenRoute {
  return { ...route, callers: "open" };
}
