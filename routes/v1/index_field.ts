import { z } from "zod";

/** A place in the log, or a size of it, in a query. */
export function indexField(what: string) {
  return z.string().regex(/^(0|[1-9][0-9]{0,15})$/, "must be a whole number from 0 on")
    .transform(Number).pipe(z.number().max(Number.MAX_SAFE_INTEGER, "is beyond any log"))
    .describe(what);
}
