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
  const record = minter.type === "agent"
    ? snapshot.agents.get(minter.id)
    : snapshot.apiKeys.get(minter.id);
  if (record === undefined) return "the credential that minted it was revoked";
  if (record.expires_at !== null && record.expires_at <= now) {
    return "the credential that minted it has expired";
  }
  if ("kill_switch" in record && record.kill_switch.active) {
    return "the kill switch of the agent that minted it is on";
  }
  if (isOutsideWall(record.tenant_ids, token.tenant)) {
    return "the credential that minted it may no longer act for its tenant";
  }
  const tool = snapshot.tool(token.tool);
  if (tool === undefined) return "its tool is no longer in the catalog";
  if (tool.kill_switch.active) return "its tool's kill switch is on";
  if (tool.status === "disabled" || tool.status === "archived") return `its tool is ${tool.status}`;
  const kill_switch = "kill_switch" in record ? record.kill_switch : null;
  const { permission, resolved_from } = resolve(
    snapshot,
    token,
    { trust_tier: record.trust_tier, kill_switch },
    { via: "rest" },
  );
  return permission === "disabled" ? `the policy disables its action now (${resolved_from})` : null;
}
