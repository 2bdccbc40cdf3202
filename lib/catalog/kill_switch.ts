import { ownerEnrolled } from "../identity/owner_enrolled.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { Refusal } from "../refusals/refusal.ts";

interface KillSwitch {
  readonly active: boolean;
}

/**
 * Whether a key may release a kill switch: only until an owner has a passkey. A stolen key must not
 * undo what a person stopped.
 */
export function mayReleaseKillSwitch(snapshot: Snapshot): boolean {
  return !ownerEnrolled(snapshot);
}

/** @throws {Refusal} owner_required when the change releases a switch that a key may not release */
export function assertKillSwitch(snapshot: Snapshot, old: KillSwitch, next: KillSwitch): void {
  if (old.active && !next.active && !mayReleaseKillSwitch(snapshot)) {
    throw new Refusal("owner_required", { what: "Releasing a kill switch" });
  }
}
