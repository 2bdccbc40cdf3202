import { z } from "zod";
import { decodeUtf8 } from "../../lib/base/text.ts";
import type { Span } from "../../lib/catalog/record_change.ts";
import { invalidRequest } from "../../lib/refusal.ts";

/** Lists in pages, the same on every route: `?limit=` and `?cursor=` in, `next_cursor` out. */

const MAX_PAGE = 200;

export const DEFAULT_PAGE = 50;

/** Query fields of every route that answers with a list. */
export const pageQuery = {
  limit: z.string().regex(/^[0-9]{1,4}$/, "must be a whole number").transform(Number)
    .pipe(z.number().min(1, "must be at least 1").max(MAX_PAGE, `must be at most ${MAX_PAGE}`))
    .default(DEFAULT_PAGE)
    .describe(`How many items to answer, 1 to ${MAX_PAGE}; ${DEFAULT_PAGE} when absent`),
  cursor: z.string().min(1, "must not be empty").max(2048, "is no cursor of this list").optional()
    .describe("`next_cursor` of the page before"),
};

/** The schema of an answer with one page of these items. */
export function pageAnswer<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().describe("Null on the last page"),
  });
}

/** Where a list goes on, as text that callers hand back and need not understand. */
export function encodeCursor(parts: readonly (string | number)[]): string {
  return new TextEncoder().encode(JSON.stringify(parts)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/**
 * The parts that a cursor was made of, in the shape that the list expects. Whoever alters one
 * chooses where in their own list to go on, and nothing else.
 * @throws {Refusal} invalid_request when it is not one of this list's cursors
 */
export function decodeCursor<T>(text: string, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw invalidRequest(
      "/cursor",
      "is no cursor of this list; send `next_cursor` as it was given",
    );
  }
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    const decoded = decodeUtf8(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
    return decoded.ok ? JSON.parse(decoded.text) : undefined;
  } catch (error) {
    // Neither base64url nor JSON: not a cursor, which the caller of this function says.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const afterName = z.tuple([z.string()]);

/**
 * The page of a list that is ordered by one text of each item. `after` of the cursor need not be
 * in the list any more.
 * @throws {Refusal} invalid_request for a cursor of another list
 */
export function pageByName<T>(
  sorted: Iterable<T>,
  nameOf: (item: T) => string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): { readonly items: T[]; readonly next_cursor: string | null } {
  const after = cursor === undefined ? null : decodeCursor(cursor, afterName)[0];
  const items: T[] = [];
  for (const item of sorted) {
    if (after !== null && nameOf(item) <= after) continue;
    if (items.length === limit) {
      return { items, next_cursor: encodeCursor([nameOf(items[limit - 1]!)]) };
    }
    items.push(item);
  }
  return { items, next_cursor: null };
}

/**
 * The page of a list that is read from the store by id: `itemsAfter` gives the items behind an id,
 * or the first ones.
 * @throws {Refusal} invalid_request for a cursor of another list
 */
export async function pageById<T extends { readonly id: string }>(
  itemsAfter: (span: Span) => Promise<readonly T[]>,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<{ readonly items: readonly T[]; readonly next_cursor: string | null }> {
  const after = cursor === undefined ? null : decodeCursor(cursor, afterName)[0];
  // One more than the page takes tells whether there is another page.
  const found = await itemsAfter({ after, limit: limit + 1 });
  const items = found.slice(0, limit);
  const last = found.length > limit ? items.at(-1) : undefined;
  return { items, next_cursor: last === undefined ? null : encodeCursor([last.id]) };
}
