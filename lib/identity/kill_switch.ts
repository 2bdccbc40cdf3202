import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusal.ts";
import { demand } from "./acting.ts";
import type { Caller } from "./caller.ts";
import { ownerEnrolled } from "./owner_enrolled.ts";

interface KillSwitch {
  readonly active: boolean;
}

/**
 * Checks a change of a kill switch, of the org, a tool or an agent. Every member who may decide, and
 * every management key, may stop; only an owner lets go on, under a fresh assertion. A key does so
 * until an owner has a passkey: a stolen one must not undo what a person stopped.
 * @throws {Refusal} owner_required, role_required, recovery_held, fresh_assertion_required
 */
export function assertKillSwitch(
  snapshot: Snapshot,
  caller: Caller,
  old: KillSwitch,
  next: KillSwitch,
): void {
  if (!old.active && next.active) demand(caller, "stop");
  if (!old.active || next.active) return;
  const what = "Releasing a kill switch";
  demand(caller, "release", what);
  if (caller.type !== "member" && ownerEnrolled(snapshot)) {
    throw new Refusal("owner_required", { what });
  }
}
