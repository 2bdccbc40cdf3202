import { type Permission, PERMISSIONS } from "../policy/permission.ts";
import type { DayChecks } from "../store/records/log.ts";
import type { Entry } from "./entry.ts";

/** A UTC day, milliseconds: none of those that clocks show has another length. */
export const DAY_MS = 24 * 60 * 60 * 1000;

/** The number of the UTC day that a time (milliseconds) is in. */
export function utcDay(at: number): number {
  return Math.floor(at / DAY_MS);
}

/** The answer that an entry records; null when it is none of a check. */
export function checkedPermission(entry: Pick<Entry, "type" | "data">): Permission | null {
  if (entry.type !== "permission.checked") return null;
  const { permission } = entry.data;
  return PERMISSIONS.find((known) => known === permission) ?? null;
}

/** The counts of a page with one check more; they are in the order of their days, and `at` is in the last. */
export function withCheck(
  counts: readonly DayChecks[],
  permission: Permission,
  at: number,
): readonly DayChecks[] {
  const day = utcDay(at);
  const last = counts.at(-1);
  if (last?.day === day) return [...counts.slice(0, -1), oneMore(last, permission)];
  return [...counts, oneMore({ day, allowed: 0, requires_approval: 0, disabled: 0 }, permission)];
}

function oneMore(counts: DayChecks, permission: Permission): DayChecks {
  return { ...counts, [permission]: counts[permission] + 1 };
}
