import { Refusal } from "../refusal.ts";
import type { Caller } from "./caller.ts";

/**
 * The one wall between tenants: a key or an agent that is bound to tenants acts for these, sees
 * what is theirs, and nothing else; one that is bound to none acts for all. Whatever asks for a
 * tenant asks here, whether it throws the refusal, records it, or leaves a row out.
 */

type Bound = Pick<Caller, "tenant_ids">;

type TenantRefusal = Refusal<"tenant_not_permitted">;

/**
 * Whether a credential may act for a tenant, and know of what is its; null stands for what belongs to
 * no tenant, which lies outside every wall.
 */
export function isWithinWall({ tenant_ids }: Bound, tenant: string | null): boolean {
  return tenant_ids === null || (tenant !== null && tenant_ids.includes(tenant));
}

/** Whether a caller may know of what names these tenants; null for what names none. */
export function mayKnowOf(bound: Bound, tenants: readonly string[] | null): boolean {
  return (tenants ?? []).every((tenant) => isWithinWall(bound, tenant));
}

/** Why a credential may not act for a tenant, exactly as it is named; null if it may. */
export function wallRefusal(bound: Bound, tenant: string | null): TenantRefusal | null {
  if (isWithinWall(bound, tenant)) return null;
  return new Refusal("tenant_not_permitted", {
    tenant_id: tenant,
    permitted: bound.tenant_ids ?? [],
  });
}

/**
 * The tenant of an action inside this caller's wall: filled in when the caller has exactly one. The
 * refusal where it names another, or none and the caller has several.
 */
export function walledTenant(bound: Bound, tenant: string | null): string | null | TenantRefusal {
  const { tenant_ids } = bound;
  const named = tenant === null && tenant_ids?.length === 1 ? tenant_ids[0] ?? null : tenant;
  return wallRefusal(bound, named) ?? named;
}

/** `walledTenant` where nothing goes on without it. @throws {Refusal} tenant_not_permitted */
export function tenantWithin(bound: Bound, tenant: string | null): string | null {
  const walled = walledTenant(bound, tenant);
  if (walled instanceof Refusal) throw walled;
  return walled;
}

/**
 * Refuses a caller who is bound to tenants what concerns all of them.
 * @throws {Refusal} tenant_not_permitted
 */
export function requireAllTenants(bound: Bound): void {
  const refusal = wallRefusal(bound, null);
  if (refusal !== null) throw refusal;
}
