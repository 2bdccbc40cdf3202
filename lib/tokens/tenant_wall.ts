import { type MachineCaller, tenantWithin } from "../identity/caller.ts";
import { type AnyRefusal, Refusal } from "../refusal.ts";

/** Whether a tenant, or acting for none, lies outside what a credential may act for. */
export function isOutsideWall(permitted: readonly string[] | null, tenant: string | null): boolean {
  return permitted !== null && (tenant === null || !permitted.includes(tenant));
}

/** `tenantWithin` with its refusal as a value, where the refusal itself is to be recorded. */
export function walledTenant(
  caller: MachineCaller,
  tenant: string | null,
): string | null | AnyRefusal {
  try {
    return tenantWithin(caller, tenant);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
