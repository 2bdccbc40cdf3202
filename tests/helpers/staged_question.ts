import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { userPasskeysKey } from "../../lib/store/mandate_keys.ts";
import type { UserPasskey } from "../../lib/store/records/user.ts";
import type { TestOrg } from "./countersign.ts";

/**
 * A question to a user that is open, and a link by which they make a passkey.
 * @param hasPasskey whether they have one already; nobody can answer with it
 * @returns their pages, by the paths of the manifest
 */
export async function stageQuestion(
  org: TestOrg,
  { tool, agent, user, reason, arguments: args, hasPasskey }: {
    readonly tool: string;
    readonly agent: string;
    readonly user: string;
    readonly reason: string;
    readonly arguments: JsonObject;
    readonly hasPasskey: boolean;
  },
): Promise<Readonly<Record<string, string>>> {
  if (hasPasskey) {
    await org.transact((transaction) => {
      const { at, now } = transaction;
      const passkey: UserPasskey = {
        credential_id: "c2hvd24",
        public_key: new Uint8Array(77),
        rp_id: org.countersign.services.settings.url.hostname,
        origins: [org.countersign.origin],
        counter: 0,
        registered_at: at - 86_400_000,
        usable_from: now - 86_400_000,
        registered_by: null,
        by_link: false,
        last_used_at: null,
      };
      transaction.set(userPasskeysKey(org.id, user), { passkeys: [passkey], held_until: 0 });
    });
  }
  const mandate = await org.post("/v1/mandates", {
    user_id: user,
    agent,
    scopes: [{ tool, decision: "confirm" }],
  }, org.management);
  assert.equal(mandate.status, 201, mandate.text);
  const asked = await org.post("/v1/permissions/check", {
    tool_name: tool,
    mandate_id: mandate.body.id,
    resource_id: "order-77",
    method: "POST",
    arguments: args,
    reason,
    context: { ticket: 4711 },
    estimated_cost_micros: 40_500_000,
    request: true,
  });
  assert.equal(asked.status, 200, asked.text);
  const keeper = await org.key("management", { user_passkeys: true });
  const made = await org.post(`/v1/users/${encodeURIComponent(user)}/enrolment`, {}, keeper);
  assert.equal(made.status, 201, made.text);
  return {
    "/confirm/:nonce": new URL(asked.body.url).pathname,
    "/enrol/:link": new URL(made.body.url).pathname,
  };
}
