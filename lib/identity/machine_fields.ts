import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { JsonObject, JsonValue } from "../json/json_value.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { patternIn } from "../policy/pattern_characters.ts";
import { invalidRequest } from "../refusal.ts";

/** Requests a minute that a key or agent may send unless it is made with another limit. */
export const DEFAULT_RATE_LIMIT = 6000;

/** What may be said of every machine identity, key or agent. */
export interface MachineFields {
  readonly name: string;
  readonly trust_tier: number;
  /** The tenants that it may name; null when it may name any. */
  readonly tenant_ids: string[] | null;
  /** Milliseconds since 1970; null when it does not expire. */
  readonly expires_at: number | null;
  /** Null when not limited. */
  readonly rate_limit_per_minute: number | null;
}

/**
 * Checks what only this moment and this org can tell of given fields.
 * @throws {Refusal} invalid_request for an expiry that is past, or a tenant id that looks personal
 *   or like a pattern
 */
export function assertMachineFields(
  transaction: Transaction,
  { expires_at, tenant_ids }: Partial<MachineFields>,
): void {
  if (typeof expires_at === "number" && expires_at <= transaction.now) {
    throw invalidRequest(
      "/expires_at",
      `is ${new Date(expires_at).toISOString()}, which is past; give a time in the future`,
    );
  }
  tenant_ids?.forEach((tenant, i) => {
    const character = patternIn(tenant);
    if (character === null || transaction.snapshot.isTenantRegistered(tenant)) return;
    throw invalidRequest(
      `/tenant_ids/${i}`,
      `holds ${character}, and no pattern is understood: name each tenant, or null for all of ` +
        "them; a tenant whose id is exactly this has to be registered first",
    );
  });
  const ids = (tenant_ids ?? []).map((tenant, i) => [`/tenant_ids/${i}`, tenant] as const);
  assertNoPersonalIds(transaction.snapshot.org, Object.fromEntries(ids));
}

/**
 * Given fields as an entry shows them: who reads the leaf learns what was granted, names and the
 * list of tenants (which may be long) are private.
 */
export function machineEntry(
  fields: Partial<MachineFields>,
): { data: JsonObject; private: Record<string, JsonValue> } {
  const { name, trust_tier, tenant_ids, expires_at, rate_limit_per_minute } = fields;
  return {
    data: {
      ...(trust_tier === undefined ? {} : { trust_tier }),
      ...(tenant_ids === undefined ? {} : { tenants: tenant_ids?.length ?? null }),
      ...(expires_at === undefined
        ? {}
        : { expires_at: expires_at === null ? null : new Date(expires_at).toISOString() }),
      ...(rate_limit_per_minute === undefined ? {} : { rate_limit_per_minute }),
    },
    private: {
      ...(name === undefined ? {} : { name }),
      ...(tenant_ids ? { tenant_ids } : {}),
    },
  };
}
