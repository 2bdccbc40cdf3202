import { scopesOf } from "../oauth/grant_caller.ts";
import { resolve } from "../policy/chain.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { RunTokenRecord } from "../store/records/run_token.ts";
import { isOutsideWall } from "./tenant_wall.ts";

/**
 * Why the policy of this moment no longer lets a token's action run, or null. It widens nothing: a
 * token that needed an approval does not become allowed here, it only stops being good. `now` in
 * milliseconds.
 */
export function revocation(
  snapshot: Snapshot,
  token: Pick<RunTokenRecord, "minter" | "tool" | "tenant" | "resource" | "method">,
  now: number,
): string | null {
  if (snapshot.org.kill_switch.active) return "the organization's kill switch is on";
  const { minter } = token;
  const record = minterOf(snapshot, minter);
  if (record === null) return "the credential that minted it was revoked";
  if (record.expires_at !== null && record.expires_at <= now) {
    return "the credential that minted it has expired";
  }
  if (record.kill_switch?.active) {
    return "the kill switch of the agent that minted it is on";
  }
  if (isOutsideWall(record.tenant_ids, token.tenant)) {
    return "the credential that minted it may no longer act for its tenant";
  }
  const tool = snapshot.tool(token.tool);
  if (tool === undefined) return "its tool is no longer in the catalog";
  if (tool.kill_switch.active) return "its tool's kill switch is on";
  if (tool.status === "disabled" || tool.status === "archived") return `its tool is ${tool.status}`;
  const { trust_tier, kill_switch } = record;
  const { permission, resolved_from } = resolve(
    snapshot,
    token,
    { trust_tier, kill_switch },
    { via: "rest" },
  );
  return permission === "disabled" ? `the policy disables its action now (${resolved_from})` : null;
}

/** What bounds a minter now. */
interface Minter {
  readonly expires_at: number | null;
  readonly tenant_ids: readonly string[] | null;
  readonly trust_tier: number;
  readonly kill_switch: { readonly active: boolean } | null;
}

/** The minter as the policy has them; null when they are no longer in force. */
function minterOf(snapshot: Snapshot, { type, id }: RunTokenRecord["minter"]): Minter | null {
  switch (type) {
    case "agent":
      return snapshot.agents.get(id) ?? null;
    case "api_key": {
      const key = snapshot.apiKeys.get(id);
      return key === undefined ? null : { ...key, kill_switch: null };
    }
    case "oauth_grant": {
      const grant = snapshot.grants.get(id);
      return grant !== undefined && scopesOf(snapshot, grant).includes("mcp:write")
        ? { expires_at: null, tenant_ids: null, trust_tier: 0, kill_switch: null }
        : null;
    }
  }
}
