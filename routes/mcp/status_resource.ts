import { VERSION } from "../../lib/base/version.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import type { McpRequest } from "./tool_call.ts";

/** What this server calls itself. */
export const SERVER_INFO = { name: "countersign", title: "Countersign", version: VERSION };

/** The one resource: how the server is, and what the connection reaches. */
export const STATUS_RESOURCE = {
  uri: "countersign://status",
  name: "status",
  title: "Status and reach",
  description: "Whether the server can decide, its versions, and the scopes and organizations " +
    "that this connection has. No personal data.",
  mimeType: "application/json",
} as const;

/** The content of the resource, proven current in every organization. */
export async function statusOfConnection(
  { services, caller }: McpRequest,
  protocolVersions: readonly string[],
): Promise<JsonObject> {
  const [{ ready, store, policy, clock }, organizations] = await Promise.all([
    services.readiness.report(),
    Promise.all(caller.orgs.map(async ({ id, scopes }) => ({
      scopes: [...scopes],
      ...await services.ledgers.transact(
        id,
        caller.operation(id, "mcp:read", {
          plan: ({ snapshot }) => ({
            id,
            name: snapshot.org.name,
            policy_version: snapshot.version,
            stopped: snapshot.org.kill_switch.active,
          }),
        }),
      ),
    }))),
  ]);
  return {
    ready,
    store,
    policy,
    clock,
    server: { ...SERVER_INFO },
    protocol_versions: [...protocolVersions],
    connection: { type: caller.type, id: caller.id, scopes: [...caller.scopes] },
    organizations,
  };
}
