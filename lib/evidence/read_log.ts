import type { Client } from "../identity/client.ts";
import type { CallerOperation } from "../identity/caller_operation.ts";
import { actorOf, requireAllTenants } from "../identity/caller.ts";
import type { JsonObject } from "../json/json_value.ts";
import { Refusal } from "../refusals/refusal.ts";

/**
 * Admits a reader of the entries `from` (included) to `to` (not included), and answers whether the
 * private parts may go along. Where they do, the entry that says so is stored before any of them
 * leaves.
 *
 * @param asked what the reader gave to name the range, as the entry is to tell it
 */
export function readLogOperation(
  range: { readonly from: number; readonly to: number },
  asked: JsonObject,
  client: Client,
): CallerOperation<void, { readonly withPrivate: boolean }> {
  return {
    plan(transaction, caller) {
      requireAllTenants(caller);
      if (!caller.audit_private) return { withPrivate: false };
      if (range.from < range.to) {
        transaction.append({
          type: "audit.private_read",
          actor: actorOf(caller),
          subject: {},
          data: { ...asked, from: range.from, to: range.to, request_id: client.request_id },
          private: { client: { ip: client.ip, user_agent: client.user_agent } },
        });
      }
      return { withPrivate: true };
    },
  };
}

/**
 * Admits the same reader once more, for the next piece of a long answer.
 * @throws {Refusal} when the credential was revoked, bound to tenants, or may not see private parts
 */
export function readOnOperation(
  { withPrivate }: { readonly withPrivate: boolean },
): CallerOperation<void, void> {
  return {
    plan(_transaction, caller) {
      requireAllTenants(caller);
      if (withPrivate && !caller.audit_private) throw new Refusal("invalid_credentials", {});
    },
  };
}
