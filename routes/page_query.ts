import { z } from "zod";

/** A value that a form of filters sends: empty is the same as absent. */
export const queryText = z.string().max(256, "has at most 256 characters").trim().optional()
  .transform((value) => value === undefined || value === "" ? null : value);

/** An address with a query; what is null or empty is left out. */
export function withQuery(
  path: string,
  fields: Readonly<Record<string, string | null | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  return query.size === 0 ? path : `${path}?${query}`;
}
