import { canonicalJson } from "../base/canonical.ts";
import type { Definition, Scope, ScopeDecision } from "../store/records/mandate.ts";

/** In what one edition of a bundle differs from another, scope by scope. Pure. */

/** What a change of a scope is about, apart from what it decides. */
const PARTS = ["resources", "conditions", "limits", "budget"] as const;

export type ScopePart = (typeof PARTS)[number];

/** How one scope is not what it was. */
export interface ScopeChange {
  readonly name: string;
  /** What it decided; null where there was none. */
  readonly before: ScopeDecision | null;
  /** What it decides; null where there is none any more. */
  readonly after: ScopeDecision | null;
  /** What else of it is another; nothing where it came or went. */
  readonly parts: readonly ScopePart[];
}

/** The scopes that differ, those that are new or changed in their order, then those that are gone. */
export function scopeChanges(before: Definition, after: Definition): ScopeChange[] {
  const old = new Map(before.scopes.map((scope) => [scope.name, scope]));
  const changes: ScopeChange[] = [];
  for (const scope of after.scopes) {
    const was = old.get(scope.name);
    old.delete(scope.name);
    const parts = was === undefined ? [] : PARTS.filter((part) => !isSame(was[part], scope[part]));
    if (was?.decision === scope.decision && parts.length === 0) continue;
    changes.push({
      name: scope.name,
      before: was?.decision ?? null,
      after: scope.decision,
      parts,
    });
  }
  for (const { name, decision } of old.values()) {
    changes.push({ name, before: decision, after: null, parts: [] });
  }
  return changes;
}

function isSame(a: Scope[ScopePart], b: Scope[ScopePart]): boolean {
  return canonicalJson(a ?? null) === canonicalJson(b ?? null);
}
