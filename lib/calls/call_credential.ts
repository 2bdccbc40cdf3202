import type { MachineCaller } from "../identity/caller.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { Settings } from "../services.ts";
import type { UpstreamRecord } from "../store/records/upstream.ts";
import type { VaultRecord } from "../store/records/vault.ts";
import { actingCredential } from "../vault/acting.ts";
import { ownUrl } from "../vault/grant.ts";
import { misplacedAt } from "../vault/injection.ts";
import { GONE } from "../vault/opening.ts";

/** What a call carries, or why it cannot be made: told to the agent with whom to ask, and where. */

/** A call's credential: null where its upstream is shown none; a refusal where there is none for it. */
export function callCredential(
  snapshot: Snapshot,
  caller: MachineCaller,
  upstream: Pick<UpstreamRecord, "name" | "credential" | "url">,
  settings: Pick<Settings, "url">,
): VaultRecord | null | AnyRefusal {
  const { name, credential, url } = upstream;
  if (credential === null) return null;
  const kept = actingCredential(snapshot, caller, upstream);
  if (kept !== null) return misplacedAt(kept, url) ?? kept;
  const names = { upstream: name, call_id: null, token_id: null, execution_id: null };
  if (credential.mode === "org") {
    return new Refusal("credential_missing", { ...names, says: GONE, connect_url: null });
  }
  const connect_url = ownUrl(settings);
  const says = `It is called with a member's own credential for ${new URL(url).origin}, and ${
    whose(caller)
  }, at ${connect_url}.`;
  return new Refusal("credential_missing", { ...names, says, connect_url });
}

function whose({ type, name }: MachineCaller): string {
  return type === "oauth_grant"
    ? "the member who connected this program has none: they put theirs in"
    : `no member let ${name} act by theirs: a member names it on one of their own`;
}
