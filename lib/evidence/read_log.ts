import { demand } from "../identity/acting.ts";
import { actorOf, requireAllTenants } from "../identity/caller.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import type { Client } from "../identity/client.ts";
import type { JsonObject } from "../json/json_value.ts";
import { Refusal } from "../refusal.ts";

/** Begins the sentence that asks a member for their passkey. */
export const READING_PRIVATE = "Reading what the log keeps private";

/** Which entries are read, and whether with their private parts. */
export interface LogRange {
  readonly from: number;
  /** Not included. */
  readonly to: number;
  /** Where the reader may see them when absent. */
  readonly withPrivate?: boolean;
}

/**
 * Admits a reader of a range of entries, and answers whether the private parts may go along. Where
 * they do, the entry that says so is stored before any of them leaves.
 *
 * @param asked what the reader gave to name the range, as the entry is to tell it
 * @throws {Refusal} tenant_not_permitted; role_required and fresh_assertion_required for a member
 *   who asks for private parts
 */
export function readLogOperation(
  range: LogRange,
  asked: JsonObject,
  client: Client,
): CallerOperation<void, { readonly withPrivate: boolean }> {
  return {
    plan(transaction, caller) {
      requireAllTenants(caller);
      const wanted = range.withPrivate ?? caller.audit_private;
      if (wanted) demand(caller, "read_private", READING_PRIVATE);
      const withPrivate = wanted && caller.audit_private;
      if (withPrivate && range.from < range.to) {
        transaction.append({
          type: "audit.private_read",
          actor: actorOf(caller),
          subject: {},
          data: { ...asked, from: range.from, to: range.to, request_id: client.request_id },
          private: { client: { ip: client.ip, user_agent: client.user_agent } },
        });
      }
      return { withPrivate };
    },
  };
}

/**
 * Admits the same reader once more, for the next piece of a long answer. A fresh assertion counts
 * for all of it: a download takes longer than one lasts.
 * @throws {Refusal} when the credential was revoked, bound to tenants, or may not see private parts
 */
export function readOnOperation(
  { withPrivate }: { readonly withPrivate: boolean },
): CallerOperation<void, void> {
  return {
    plan(_transaction, caller) {
      requireAllTenants(caller);
      if (!withPrivate) return;
      demand(caller, "read_private_on");
      if (caller.type !== "member" && !caller.audit_private) {
        throw new Refusal("invalid_credentials", {});
      }
    },
  };
}
