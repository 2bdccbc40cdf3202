import type { OrgRecord, ToolRecord } from "../store/records/policy.ts";
import type { AfterGuard, BeforeGuard, Guards } from "../store/records/guards.ts";
import {
  AFTER_GUARDS,
  AFTER_MODES,
  BEFORE_GUARDS,
  BEFORE_MODES,
} from "../store/records/vocabulary.ts";

/**
 * Which guards look at a tool's calls, and whether others look at less. Of each kind a tool's own
 * count, else those of its org, else what is there without a word: on tools of upstreams alone, for
 * what they say comes from strangers and runs through here.
 */

/** What looks at calls of tools of upstreams where nobody said otherwise. */
const UPSTREAM_DEFAULTS = {
  before: [
    { kind: "injection", mode: "approve" },
    { kind: "secrets", mode: "flag" },
  ],
  after: [
    { kind: "credentials", mode: "redact" },
    { kind: "injection", mode: "flag" },
  ],
} as const satisfies Guards;

const NONE: { readonly before: readonly BeforeGuard[]; readonly after: readonly AfterGuard[] } = {
  before: [],
  after: [],
};

type OfOrg = Pick<OrgRecord, "guards">;

type OfTool = Pick<ToolRecord, "guards" | "upstream">;

/** What looks at the arguments of a call, off or not, in the order in which it is asked. */
export function beforeGuards(org: OfOrg, tool: OfTool | null): BeforeGuard[] {
  const defaults = tool?.upstream === undefined ? NONE : UPSTREAM_DEFAULTS;
  const layers = [tool?.guards?.before ?? [], org.guards?.before ?? [], defaults.before];
  return BEFORE_GUARDS.flatMap((kind) => firstOf(layers, kind));
}

/** What looks at the result of a call, likewise. Credentials are cut out of every one. */
export function afterGuards(org: OfOrg, tool: OfTool | null): AfterGuard[] {
  const defaults = tool?.upstream === undefined ? NONE : UPSTREAM_DEFAULTS;
  const layers = [tool?.guards?.after ?? [], org.guards?.after ?? [], defaults.after];
  return AFTER_GUARDS.flatMap((kind) => firstOf(layers, kind));
}

/** The guards of a kind in the first layer that has any. */
function firstOf<G extends { readonly kind: string }>(
  layers: readonly (readonly G[])[],
  kind: G["kind"],
): readonly G[] {
  for (const layer of layers) {
    const own = layer.filter((guard) => guard.kind === kind);
    if (own.length > 0) return own;
  }
  return [];
}

/** Whether a tool's calls are looked at less, or less is done about what is found. */
export function toolGuardsWiden(
  old: { readonly org: OfOrg; readonly tool: OfTool | null },
  next: { readonly org: OfOrg; readonly tool: OfTool | null },
): boolean {
  return lost(beforeGuards(old.org, old.tool), beforeGuards(next.org, next.tool), covers) ||
    lost(afterGuards(old.org, old.tool), afterGuards(next.org, next.tool), coversAfter);
}

/** The same for the guards of an org, whose tools are of upstreams or not. */
export function orgGuardsWiden(old: OfOrg, next: OfOrg): boolean {
  return [null, OF_AN_UPSTREAM].some((tool) =>
    toolGuardsWiden({ org: old, tool }, { org: next, tool })
  );
}

/** A tool of an upstream that names no guards of its own. */
export const OF_AN_UPSTREAM: OfTool = {
  upstream: {
    name: "",
    tool: "",
    definition_digest: "",
    generation: 0,
    exposed_name: "",
    since: 0,
    drifted: false,
    first: false,
  },
};

/** Whether one of the guards has none after it that covers it. */
function lost<G extends { readonly mode: string }>(
  old: readonly G[],
  next: readonly G[],
  covers: (next: G, old: G) => boolean,
): boolean {
  return old.some((guard) => guard.mode !== "off" && !next.some((one) => covers(one, guard)));
}

function covers(next: BeforeGuard, old: BeforeGuard): boolean {
  if (BEFORE_MODES.indexOf(next.mode) < BEFORE_MODES.indexOf(old.mode)) return false;
  switch (old.kind) {
    case "path_traversal":
      return next.kind === old.kind && (next.root === old.root || isBelow(next.root, old.root)) &&
        hasPlaces(next.pointers, old.pointers);
    case "command":
    case "sql":
      return next.kind === old.kind && hasPlaces(next.pointers, old.pointers);
    case "topics":
      return next.kind === old.kind && hasAll(next.words, old.words);
    case "injection":
    case "secrets":
      return next.kind === old.kind;
  }
}

function coversAfter(next: AfterGuard, old: AfterGuard): boolean {
  const modes: readonly string[] = AFTER_MODES;
  if (modes.indexOf(next.mode) < modes.indexOf(old.mode)) return false;
  switch (old.kind) {
    case "personal_data":
      return next.kind === old.kind && hasAll(next.kinds, old.kinds);
    case "topics":
      return next.kind === old.kind && hasAll(next.words, old.words);
    case "injection":
    case "credentials":
      return next.kind === old.kind;
  }
}

function hasAll(next: readonly string[], old: readonly string[]): boolean {
  return old.every((one) => next.includes(one));
}

/** Whether each place lies at or in one of the others. */
function hasPlaces(next: readonly string[], old: readonly string[]): boolean {
  return old.every((place) => next.some((one) => one === place || isBelow(place, one)));
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}/`);
}
