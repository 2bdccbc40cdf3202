import { z } from "zod";
import { removeGrant } from "../identity/grant_entries.ts";
import { isJsonObject, type JsonObject } from "../json/json_value.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";

const jsonObject = z.custom<JsonObject>(isJsonObject, "expected an object");

/** Something that became of a grant, on its way into the log of an org that it counts in. */
export const grantEvent = z.object({
  kind: z.literal("grant"),
  /** Of the entry. */
  id: z.string(),
  account: z.string(),
  grant: z.string(),
  type: z.string(),
  /** Who brought it about: the person, the client by what it holds, or this server. */
  by: z.enum(["person", "client", "system"]),
  data: jsonObject,
  private: jsonObject,
  /** Whether the grant ends by it. */
  ends: z.boolean(),
});

export type GrantEvent = z.infer<typeof grantEvent>;

/** Who brought an event about, as the log names them; `person` stands for the person. */
export function grantActor({ by, grant }: Pick<GrantEvent, "by" | "grant">, person: Actor): Actor {
  switch (by) {
    case "person":
      return person;
    case "client":
      return { type: "oauth_grant", id: grant };
    case "system":
      return { type: "system", id: "oauth" };
  }
}

/** Writes an event into the log of an org. Where the grant counts no more there is nothing to say. */
export function appendGrantEntry(transaction: Transaction, event: GrantEvent): void {
  const grant = transaction.snapshot.grants.get(event.grant);
  if (grant === undefined) return;
  transaction.append({
    id: event.id,
    type: event.type,
    actor: grantActor(event, { type: "member", id: grant.member }),
    subject: { member: grant.member, grant: grant.id },
    data: event.data,
    private: event.private,
  });
  if (event.ends) removeGrant(transaction, grant);
}
