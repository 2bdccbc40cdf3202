import { z } from "zod";
import type { EntryDraft } from "../../lib/ledger/entry.ts";
import type { Operation } from "../../lib/ledger/transaction.ts";

/** Operations of several orgs, among them one that all of them do on the same row. */

export function draft(name: string): EntryDraft {
  return {
    type: "test.done",
    actor: { type: "system", id: "test" },
    subject: { name },
    data: {},
  };
}

export const append = (name: string): Operation<unknown, number> => ({
  plan: (transaction) => transaction.append(draft(name)).index,
});

const number = z.object({ value: z.number() });

/** Adds one to a row that belongs to no org, with an entry that says what it became. */
export const addOne: Operation<number, number> = {
  load: async (reader) => (await reader.get(["test_counter"], number))?.value.value ?? 0,
  plan(transaction, before) {
    transaction.set(["test_counter"], { value: before + 1 });
    transaction.append(draft(String(before + 1)));
    return before + 1;
  },
};
