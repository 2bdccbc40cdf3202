import type { z } from "zod";
import type { JsonValue } from "../lib/json/json_value.ts";
import type { Right } from "../lib/policy/rights.ts";
import type { AccountCall, BrowserCall, MemberCall } from "./dashboard/browser_call.ts";

interface Described {
  readonly method: "get" | "post";
  readonly path: string;
  /** True for what an open page asks by itself: no use of the session. */
  readonly isWatch?: boolean;
}

interface Inputs<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
}

type Answered = Promise<JsonValue | Response>;

type AnyInputs = Inputs<z.ZodType, z.ZodType, z.ZodType>;

/** What the browser's own script asks for, in JSON or as a stream. */
export type Endpoint =
  & Described
  & AnyInputs
  & (
    | {
      readonly audience: "member";
      readonly needs: Right;
      readonly handle: (call: MemberCall) => Answered;
    }
    | { readonly audience: "account"; readonly handle: (call: AccountCall) => Answered }
    | { readonly audience: "anyone"; readonly handle: (call: BrowserCall) => Answered }
  );

type Given<C, P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> =
  & Described
  & Inputs<P, Q, B>
  & { readonly handle: (call: C) => Answered };

/** Declares an endpoint for members with a right. */
export function memberEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(
  endpoint: Given<MemberCall<z.output<P>, z.output<Q>, z.output<B>>, P, Q, B> & {
    readonly needs: Right;
  },
): Endpoint {
  return { ...endpoint, audience: "member" } as unknown as Endpoint;
}

/** Declares an endpoint for whoever is signed in. */
export function accountEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(endpoint: Given<AccountCall<z.output<P>, z.output<Q>, z.output<B>>, P, Q, B>): Endpoint {
  return { ...endpoint, audience: "account" } as unknown as Endpoint;
}

/** Declares an endpoint for everybody. */
export function publicEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(endpoint: Given<BrowserCall<z.output<P>, z.output<Q>, z.output<B>>, P, Q, B>): Endpoint {
  return { ...endpoint, audience: "anyone" } as unknown as Endpoint;
}
