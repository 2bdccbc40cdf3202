import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import type { CallerTier } from "../../lib/identity/caller.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Services } from "../../lib/services.ts";
import type { Answer, Call } from "../http/call.ts";
import { ALLOWLY } from "../http/error_member.ts";
import type { ProblemCode } from "../http/problems.ts";
import { guarded, type GuardedRoute } from "../http/route.ts";

/**
 * The surface that clients of Allowly's API know, version 0.8. It translates and decides nothing: what
 * it does, the operations behind the REST API do. Its answers have exactly the members that those
 * clients take, for they refuse any other.
 */

/** What is asked of a route besides its path. */
interface Asked<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: "get" | "post" | "put" | "delete";
  /** Below `/allowly`. */
  readonly path: string;
  readonly summary: string;
  readonly callers: readonly CallerTier[];
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  readonly refusals?: readonly ProblemCode[];
  readonly keyed?: boolean;
  readonly handle: (
    call: Call<z.output<P>, z.output<Q>, z.output<B>>,
  ) => Promise<Answer>;
}

/** Declares a route of the surface: an organization that has it switched off has none. */
export function translated<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(asked: Asked<P, Q, B>): GuardedRoute {
  return guarded<P, Q, B>({
    ...asked,
    path: `${ALLOWLY}${asked.path}`,
    group: "Allowly",
    async handle(call) {
      await call.transact(ANSWERED);
      return asked.handle(call);
    },
  });
}

const ANSWERED: MachineOperation<void, void> = {
  plan: ({ snapshot }) => assertAnswered(snapshot.org.allowly),
};

/** @throws {Refusal} not_found */
export function assertAnswered(isOn: boolean): void {
  if (isOn) return;
  const what = "answer to clients of Allowly in this organization, which has them switched off";
  throw new Refusal("not_found", { what });
}

/** A receipt, which is signed when it is asked for. */
export function pendingReceipt({ settings }: Pick<Services, "settings">, receipt_id: string) {
  const url = `${settings.url.origin}${ALLOWLY}/v1/receipts/${receipt_id}`;
  return { status: "pending", receipt_id, ready_at_estimate: null, url };
}

export const receiptEnvelope = z.union([
  z.strictObject({
    status: z.literal("pending"),
    receipt_id: z.string(),
    ready_at_estimate: z.string().nullable(),
    url: z.string(),
  }),
  z.strictObject({ status: z.literal("signed"), receipt: z.record(z.string(), z.unknown()) }),
]);

/** A list as these clients page it. */
export const listQuery = {
  limit: z.string().regex(/^[0-9]{1,3}$/, "must be a whole number").transform(Number)
    .pipe(z.number().min(1, "must be at least 1").max(100, "must be at most 100")).default(100),
  cursor: z.string().min(1).max(2048).optional(),
};

export function listAnswer(items: JsonObject[], next: string | null): JsonObject {
  return { items, has_more: next !== null, ...(next === null ? {} : { next_cursor: next }) };
}

export function listSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({
    items: z.array(item),
    has_more: z.boolean(),
    next_cursor: z.string().optional(),
  });
}

export function timeOf(at: number): string {
  return new Date(at).toISOString();
}
