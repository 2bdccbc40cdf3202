import type { Snapshot } from "../policy/snapshot.ts";
import type { RequesterType } from "../store/records/requester.ts";

/** What bounds who asked for something, as the policy of this moment has them. */
export interface RequesterNow {
  /** Milliseconds; null when it does not expire. */
  readonly expires_at: number | null;
  /** The tenants that it may name; null when it may name any. */
  readonly tenant_ids: readonly string[] | null;
  readonly trust_tier: number;
  readonly kill_switch: { readonly active: boolean } | null;
  readonly members_behind: readonly string[];
}

/** The requester of a request by its id; null when there is none such any more. */
export function requesterNow(
  { agents, apiKeys, grants }: Pick<Snapshot, "agents" | "apiKeys" | "grants">,
  { type, id }: { readonly type: RequesterType; readonly id: string },
): RequesterNow | null {
  switch (type) {
    case "agent":
      return agents.get(id) ?? null;
    case "api_key": {
      const key = apiKeys.get(id);
      return key === undefined ? null : { ...key, kill_switch: null };
    }
    case "oauth_grant": {
      const grant = grants.get(id);
      if (grant === undefined) return null;
      const unbound = { expires_at: null, tenant_ids: null, trust_tier: 0, kill_switch: null };
      return { ...unbound, members_behind: [grant.member] };
    }
  }
}
