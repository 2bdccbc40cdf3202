import type { Action } from "../base/action.ts";
import { type Clocks, isOver } from "../ledger/clock.ts";
import type { Resolution } from "../policy/chain.ts";
import { isOnlyStated } from "../policy/facts.ts";
import { stricter, type Verdict } from "../policy/levels.ts";
import { namedStep, type TraceStep } from "../policy/trace.ts";
import { type MandateRecord, type Scope, type ScopeDecision } from "../store/records/mandate.ts";
import type { RequesterType } from "../store/records/identity.ts";
import type { ToolRecord } from "../store/records/policy.ts";
import {
  MANDATE_ORIGINS,
  type MandateOrigin,
  type Permission,
} from "../store/records/vocabulary.ts";
import { tightened } from "./conditions.ts";

/**
 * What a mandate leaves of the policy's answer: the stricter of both, so that a mandate never lets
 * through what the policy does not. Pure.
 */

/** A mandate and the scopes that it has, as the store holds them. */
export interface MandateTerms {
  readonly record: MandateRecord;
  readonly scopes: readonly Scope[];
}

/** The same with what those that it was made of say. */
type MandateFamily = MandateTerms & {
  readonly above?: readonly MandateTerms[];
  /** Whether nothing under any mandate may touch the resource of the action. */
  readonly buried?: boolean;
};

/** What is asked of a mandate: who asks, what, and when. */
interface Asked {
  readonly action: Action;
  readonly caller: { readonly type: RequesterType; readonly id: string };
  readonly clocks: Clocks;
}

/**
 * The stricter of what the policy and what a mandate say of an action. Where both say the same, the
 * policy is named as where it came from.
 * @param terms null for a mandate that is unknown, or not for whoever asks to know of
 */
export function narrow(
  chain: Resolution,
  id: string,
  terms: MandateFamily | null,
  asked: Asked,
): Resolution {
  const said = terms === null
    ? saying("disabled", "mandate_not_found")
    : lineVerdict(chain, terms, asked);
  const isNarrower = said !== null &&
    stricter(chain.permission, said.permission) !== chain.permission;
  const verdict = isNarrower ? said : chain;
  const { permission, resolved_from, rule } = verdict;
  const trace = chain.trace === undefined ? {} : { trace: [...chain.trace, ...steps(id, said)] };
  return { permission, resolved_from, rule, tool: chain.tool, ...trace };
}

/**
 * What a mandate says with all that it was made of; null where they allow the action. Whoever asks
 * stands for the one that they name: those above are asked as for their own agents.
 */
function lineVerdict(
  chain: Pick<Resolution, "tool">,
  family: MandateFamily,
  asked: Asked,
): Verdict | null {
  const { record, above = [], buried = false } = family;
  if (mandateEnd(record, asked.clocks) === null && !isForCaller(record, asked.caller)) {
    return saying("disabled", "mandate_agent");
  }
  if (buried && mandateEnd(record, asked.clocks) === null) {
    return saying("disabled", "mandate_resource");
  }
  let verdict = mandateVerdict(chain, family, asked);
  for (const terms of above) verdict = strictest(verdict, mandateVerdict(chain, terms, asked));
  return verdict;
}

/** What one mandate says by itself; null where it allows the action. */
function mandateVerdict(
  { tool }: Pick<Resolution, "tool">,
  { record, scopes }: MandateTerms,
  { action, clocks }: Omit<Asked, "caller">,
): Verdict | null {
  const over = mandateEnd(record, clocks);
  return over === null
    ? scopesVerdict(tool, scopes, action)
    : saying("disabled", `mandate_${over}`);
}

/** What a mandate speaks of, of an action. */
type Spoken = Pick<Action, "tool" | "resource" | "arguments">;

/**
 * What the scopes of a line of mandates say of an action by now, whoever asked; null where all of them
 * allow it. A tag that its tool got since counts.
 */
export function scopesNow(
  tool: Resolution["tool"],
  line: readonly Pick<MandateTerms, "scopes">[],
  action: Spoken,
): Verdict | null {
  let verdict: Verdict | null = null;
  for (const { scopes } of line) verdict = strictest(verdict, scopesVerdict(tool, scopes, action));
  return verdict;
}

function scopesVerdict(
  tool: Resolution["tool"],
  scopes: readonly Scope[],
  stated: Spoken,
): Verdict | null {
  // A resource that only its asker names is within no list of them.
  const isWord = tool !== null && isOnlyStated(tool, "resource", stated.resource);
  const action = isWord ? { ...stated, resource: null } : stated;
  const speaking = speaksOf(scopes, action.tool, tool);
  if (speaking.length === 0) return saying("disabled", "mandate_scope");
  // Of all that speak of the tool the strictest counts: a tag that it gets later may only take away.
  let verdict: Verdict | null = null;
  for (const scope of speaking) verdict = strictest(verdict, scopeVerdict(scope, action));
  return verdict;
}

/** The scopes that speak of a tool: by its name, or by a tag that it has. */
export function speaksOf(
  scopes: readonly Scope[],
  name: string,
  tool: Pick<ToolRecord, "tags"> | null | undefined,
): readonly Scope[] {
  const speaks = ({ name: scope }: Scope) => scope === name || isOfTag(scope, tool);
  return scopes.every(speaks) ? scopes : scopes.filter(speaks);
}

function isOfTag(scope: string, tool: Pick<ToolRecord, "tags"> | null | undefined): boolean {
  return scope.startsWith("tag:") && tool?.tags.includes(scope.slice(4)) === true;
}

/** Why a mandate is not in force any more; null while it is. */
export function mandateEnd(
  { ended, created_at, expires_at }: Pick<MandateRecord, "ended" | "created_at" | "expires_at">,
  clocks: Clocks,
): "revoked" | "superseded" | "expired" | null {
  if (ended !== null) return ended.state;
  return isOver(expires_at, created_at, clocks) ? "expired" : null;
}

/** Whether the agent of a mandate is a name that a key stands for, and no agent of the org. */
export function isLabel(agent: string): boolean {
  return !agent.startsWith("agt_");
}

/** Whether this caller is the agent of a mandate, or a key that stands for its label. */
export function isForCaller(
  { agent }: Pick<MandateRecord, "agent">,
  { type, id }: Asked["caller"],
): boolean {
  return isLabel(agent) ? type === "api_key" : type === "agent" && id === agent;
}

function scopeVerdict(scope: Scope, { resource, arguments: args }: Spoken): Verdict | null {
  const { decision, resources, conditions } = scope;
  if (resources !== null && !resources.some((pattern) => fits(pattern, resource))) {
    return saying("disabled", "mandate_resource");
  }
  const tighter = tightened(decision, conditions, args);
  if (tighter !== decision) return saying(PERMISSION[tighter], "mandate_condition");
  return VERDICTS[decision];
}

const PERMISSION: Readonly<Record<ScopeDecision, Permission>> = {
  allow: "allowed",
  confirm: "requires_approval",
  escalate: "requires_approval",
  deny: "disabled",
};

const VERDICTS: Readonly<Record<ScopeDecision, Verdict | null>> = {
  allow: null,
  confirm: saying("requires_approval", "mandate_user"),
  escalate: saying("requires_approval", "mandate_members"),
  deny: saying("disabled", "mandate_scope"),
};

function saying(permission: Permission, resolved_from: MandateOrigin): Verdict {
  return { permission, resolved_from, rule: null };
}

function strictest(a: Verdict | null, b: Verdict | null): Verdict | null {
  if (a === null || b === null) return a ?? b;
  if (a.permission === b.permission) return a.resolved_from === "mandate_user" ? b : a;
  return stricter(a.permission, b.permission) === a.permission ? a : b;
}

/** Whether a pattern is a whole resource id; `*` is any run of characters, and nothing else is special. */
export function fits(pattern: string, resource: string | null): boolean {
  if (resource === null) return false;
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === resource;
  const end = resource.length - last.length;
  if (!resource.startsWith(first) || !resource.endsWith(last) || end < first.length) return false;
  // The leftmost place of each piece leaves most room for those behind it.
  let from = first.length;
  for (const piece of rest) {
    const at = resource.indexOf(piece, from);
    if (at === -1 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}

/** Those of what is asked here: what something costs is asked behind it. */
const OWN_ORIGINS = MANDATE_ORIGINS.filter((origin) =>
  origin !== "mandate_rate" && origin !== "mandate_budget"
);

/** The steps of a mandate for whoever asks why; what comes after the one that matched is not asked. */
function steps(id: string, said: Verdict | null): TraceStep[] {
  const decided = OWN_ORIGINS.findIndex((origin) => origin === said?.resolved_from);
  return OWN_ORIGINS.map((origin, at) =>
    namedStep(origin, at === decided, `mandate=${id}`, decided !== -1 && at > decided)
  );
}
