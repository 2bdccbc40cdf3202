import type { JsonObject } from "../base/json.ts";
import { assertNoPersonalIds } from "../catalog/personal_ids.ts";
import type { MachineOperation } from "../identity/acting.ts";
import { type MachineCaller, tenantWithin } from "../identity/caller.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { assertDefinition } from "../mandates/bundle.ts";
import { loadLine, loadScopes, type MandateLine, mayUse } from "../mandates/mandate.ts";
import { fits, isForCaller, mandateEnd, type MandateTerms, speaksOf } from "../mandates/narrow.ts";
import { invalidRequest, Refusal } from "../refusal.ts";
import type { BudgetTerms } from "../store/records/budget.ts";
import {
  type MandateRecord,
  type Scope,
  SCOPE_DECISIONS,
  type ScopeLimits,
} from "../store/records/mandate.ts";
import { type GrantedMandate, mayGrant, storeGranted, USUAL_LIFETIME_MS } from "./grant.ts";

/**
 * Handing a mandate on: whoever has one gives a part of it to another agent. The part is asked together
 * with all that it was made of, and spends what they have; so it can never do more than they can at
 * that moment, whatever stands in it. What it says beyond them is refused all the same.
 */

/** So many mandates stand in a line at most, the first one among them. */
export const MOST_GENERATIONS = 4;

/** A part of a mandate for somebody. */
export interface Delegation {
  readonly parent: string;
  /** Null for the parent's. */
  readonly agent: string | null;
  readonly scopes: readonly Scope[];
  /** Null for the parent's; it can be no other. */
  readonly user_id: string | null;
  readonly tenant_id: string | null;
  /** Milliseconds; null for as long as usual, and no longer than the parent. */
  readonly expires_at: number | null;
  readonly metadata: JsonObject;
  readonly budget: BudgetTerms | null;
  /** How often it allows something in all; null for any number of times. */
  readonly uses: number | null;
}

interface Loaded extends Pick<MandateTerms, "scopes"> {
  readonly line: MandateLine;
}

/**
 * Hands a part of a mandate on.
 * @throws {Refusal} mandate_not_found, mandate_ended, mandate_too_wide, mandate_too_deep, wrong_tier,
 *   tenant_not_permitted, invalid_request; tool_disabled while a kill switch stops whoever does so
 */
export function delegateMandate(
  delegation: Delegation,
  request_id: string,
): MachineOperation<Loaded | null, GrantedMandate> {
  const { parent: id } = delegation;
  return {
    async load(reader) {
      const line = await loadLine(reader, id);
      return line === null ? null : { line, scopes: await loadScopes(reader, line.record) };
    },
    plan(transaction, caller, loaded) {
      if (loaded === null || !mayUse(caller, loaded.line.record)) {
        throw new Refusal("mandate_not_found", { mandate_id: id });
      }
      const { line: { record: parent }, scopes } = loaded;
      assertMayDelegate(caller, parent);
      assertNotStopped(transaction, caller);
      const over = mandateEnd(parent, transaction);
      if (over !== null) throw new Refusal("mandate_ended", { mandate_id: id, state: over });
      const record = childOf(transaction, caller, parent, delegation);
      const wide = widening(transaction, { record: parent, scopes }, record, delegation.scopes);
      if (wide !== null) throw new Refusal("mandate_too_wide", { parent: id, path: wide });
      return storeGranted(transaction, caller, record, request_id);
    },
  };
}

/** Its own agent hands a mandate on, and whoever may grant. @throws {Refusal} wrong_tier */
function assertMayDelegate(caller: MachineCaller, { agent }: MandateRecord): void {
  const isItsAgent = caller.tier !== "management" && isForCaller({ agent }, caller);
  if (isItsAgent || mayGrant(caller)) return;
  throw new Refusal("wrong_tier", {
    tier: caller.tier,
    allowed: ["the agent of the mandate", "management", "standard with may_grant"],
  });
}

/** Whoever is stopped has nobody else go on in their place. @throws {Refusal} tool_disabled */
function assertNotStopped(
  { snapshot: { org } }: Transaction,
  { tier, kill_switch }: MachineCaller,
): void {
  const isStopped = kill_switch?.active === true || org.kill_switch.active;
  if (isStopped && tier !== "management") {
    throw new Refusal("tool_disabled", { resolved_from: "kill_switch" });
  }
}

function childOf(
  transaction: Transaction,
  caller: MachineCaller,
  parent: MandateRecord,
  { agent, scopes, user_id, tenant_id, expires_at, metadata, budget, uses }: Delegation,
): MandateRecord {
  const { snapshot, now, at } = transaction;
  const generations = parent.ancestors.length + 2;
  if (generations > MOST_GENERATIONS) {
    throw new Refusal("mandate_too_deep", { parent: parent.id, most: MOST_GENERATIONS });
  }
  assertNoPersonalIds(snapshot.org, { "/tenant_id": tenant_id });
  const definition = {
    agent: agent ?? parent.agent,
    default_expiry_seconds: null,
    scopes: [...scopes],
  };
  assertDefinition(snapshot, null, definition);
  if (expires_at !== null && expires_at <= now) {
    throw invalidRequest("/expires_at", "is past; give a time in the future");
  }
  return {
    id: transaction.id("mdt"),
    user_id: user_id ?? parent.user_id,
    // Whoever is bound to tenants hands on no more than they may reach themselves.
    tenant: tenantWithin(caller, tenant_id ?? parent.tenant),
    agent: definition.agent,
    bundle: null,
    own_scopes: definition.scopes,
    scopes: scopes.map(({ name }) => name),
    granted_by: { type: caller.type, id: caller.id },
    created_at: at,
    expires_at: expires_at ?? Math.min(now + USUAL_LIFETIME_MS, parent.expires_at),
    replaces: null,
    metadata,
    budget,
    uses,
    ancestors: [parent.id, ...parent.ancestors],
    ended: null,
  };
}

/** Where a part says more than what it is of, as a JSON pointer into the request; null for nowhere. */
function widening(
  { snapshot }: Transaction,
  parent: MandateTerms,
  child: MandateRecord,
  scopes: readonly Scope[],
): string | null {
  const { record } = parent;
  if (child.user_id !== record.user_id) return "/user_id";
  if (record.tenant !== null && child.tenant !== record.tenant) return "/tenant_id";
  if (child.expires_at > record.expires_at) return "/expires_at";
  if (isWiderBudget(record.budget, child.budget)) return "/budget";
  for (const [i, scope] of scopes.entries()) {
    const tool = scope.name.startsWith("tag:") ? null : snapshot.tool(scope.name);
    const speaking = speaksOf(parent.scopes, scope.name, tool);
    if (speaking.length === 0) return `/scopes/${i}`;
    for (const above of speaking) {
      const member = widerMember(above, scope);
      if (member !== null) return `/scopes/${i}/${member}`;
    }
  }
  return null;
}

/** What of a scope is wider than in one of its parent; what it leaves out is as there. */
function widerMember(above: Scope, scope: Scope): string | null {
  const rank = (decision: Scope["decision"]) => SCOPE_DECISIONS.indexOf(decision);
  if (rank(scope.decision) < rank(above.decision)) return "decision";
  const { resources } = above;
  const isBeyond = resources !== null && scope.resources !== null &&
    // A star of the parent's takes in whatever stands in its place, stars too.
    scope.resources.some((pattern) => !resources.some((wider) => fits(wider, pattern)));
  if (isBeyond) return "resources";
  if (isWiderBudget(above.budget ?? null, scope.budget ?? null)) return "budget";
  return areWiderLimits(above.limits ?? {}, scope.limits ?? {}) ? "limits" : null;
}

function isWiderBudget(above: BudgetTerms | null, own: BudgetTerms | null): boolean {
  if (above === null || own === null) return false;
  const asks = own.ask_above_micros !== null && above.ask_above_micros !== null &&
    own.ask_above_micros > above.ask_above_micros;
  return own.limit_micros > above.limit_micros || asks;
}

function areWiderLimits(above: ScopeLimits, own: ScopeLimits): boolean {
  return (["max_per_minute", "max_per_hour", "max_per_day"] as const).some((most) =>
    (own[most] ?? 0) > (above[most] ?? Infinity)
  );
}
