import type { JsonObject } from "../base/json.ts";
import type { Actor } from "../ledger/entry.ts";
import type { Transaction } from "../ledger/transaction.ts";
import type { Guarded, Resolution } from "../policy/chain.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";
import type { Finding } from "../store/records/guards.ts";

/** What guards found, as the log has it and as whoever asked is told. */

/** The refusal of what the policy, a mandate or a guard disables. */
export function disabledRefusal(
  { resolution: { resolved_from }, guarded }: {
    readonly resolution: Resolution;
    readonly guarded: Guarded | null;
  },
): AnyRefusal {
  const by = guarded?.by ?? null;
  // A mandate may be what disables it although a guard had something to say.
  return by !== null && resolved_from === `guard_${by.kind}`
    ? new Refusal("guard_blocked", { resolved_from, guard: { ...by } })
    : new Refusal("tool_disabled", { resolved_from });
}

/** The wire form of findings: kind, place and count, and never the text. */
export function renderFindings(findings: readonly Finding[]): JsonObject[] {
  return findings.map((finding) => ({ ...finding }));
}

/** Puts what guards found into the log; nothing where they found nothing. */
export function noteFindings(
  transaction: Transaction,
  actor: Actor,
  { side, findings, subject, data }: {
    readonly side: "before" | "after";
    readonly findings: readonly Finding[];
    /** What it was found in. */
    readonly subject: JsonObject;
    readonly data: JsonObject;
  },
): void {
  if (findings.length === 0) return;
  transaction.append({
    type: "guard.found",
    actor,
    subject,
    data: { ...data, findings: renderFindings(findings), side },
  });
}
