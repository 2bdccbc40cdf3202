import type { z } from "zod";
import type { StoreKey } from "./keys.ts";

/**
 * A record that was read is parsed by its schema, or refused by name: what the store holds is
 * believed as little as what a caller sends.
 */

/** A record in the store is not what its schema says. Never guessed at: the request fails. */
export class MalformedRecord extends Error {
  readonly code = "malformed_record";

  constructor(readonly key: StoreKey, problem: string) {
    super(
      `The record ${JSON.stringify(key)} in the store is malformed: ${problem}. ` +
        "Restore it from a backup, or remove it if you know that it may go.",
    );
  }
}

/** Parses a record as it comes from the store. @throws {MalformedRecord} */
export function parseRecord<T>(key: StoreKey, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new MalformedRecord(key, `${issue?.path.join(".") || "the record"}: ${issue?.message}`);
}
