import { type JsonObject, type JsonValue, valueAtPointer } from "../base/json.ts";
import { findKinds } from "../scrub/scrub.ts";
import type { BeforeGuard, Finding } from "../store/records/guards.ts";
import type { OrgRecord, ToolRecord } from "../store/records/policy.ts";
import type { BeforeKind, BeforeMode, Permission } from "../store/records/vocabulary.ts";
import { findCommand, findSql } from "./characters.ts";
import { Findings, type Looked, type PlacedText, shownToken, textsOf } from "./findings.ts";
import { findInjection } from "./injection.ts";
import { findTraversal } from "./path_traversal.ts";
import { findTopics } from "./topics.ts";

/**
 * What the guards of a tool say of the arguments of a call: what they found, and how strict the answer
 * has to be at least. A floor: it is never the answer by itself, and nothing is let through by it.
 */

/** What guards said of arguments. */
export interface Floor {
  /** The least strict that the answer may be. */
  readonly permission: Permission;
  /** The guard that is that strict, and where it found something first; null where none asks for more. */
  readonly guard: BlockingGuard | null;
  readonly findings: readonly Finding[];
}

export interface BlockingGuard {
  readonly kind: BeforeKind;
  /** JSON pointer into the request. */
  readonly pointer: string;
}

/** How strict the answer is where a guard of that mode found something. */
const FLOORS: Readonly<Record<BeforeMode, Permission>> = {
  off: "allowed",
  flag: "allowed",
  approve: "requires_approval",
  block: "disabled",
};

const STRICTNESS: readonly Permission[] = ["allowed", "requires_approval", "disabled"];

/** What guards say of arguments. Pure, and total: there are no arguments that it fails on. */
export function floorOf(guards: readonly BeforeGuard[], args: JsonObject): Floor {
  const findings = new Findings();
  let permission: Permission = "allowed";
  let guard: Floor["guard"] = null;
  for (const one of guards) {
    if (one.mode === "off") continue;
    for (const { text, pointer } of textsFor(one, args)) {
      const { spans } = look(one, text);
      for (const { kind } of spans) findings.add(one.kind, kind, pointer);
      const floor = FLOORS[one.mode];
      if (spans.length === 0 || STRICTNESS.indexOf(floor) <= STRICTNESS.indexOf(permission)) {
        continue;
      }
      permission = floor;
      guard = { kind: one.kind, pointer };
    }
  }
  return { permission, guard, findings: findings.list() };
}

/** What was said of arguments, by them: one call asks more than once, and of nothing else. */
const KNOWN = new WeakMap<
  JsonObject,
  { readonly org: OrgRecord; readonly tool: ToolRecord | null; readonly floor: Floor }
>();

/** Records of the policy and arguments that were read do not change: others are other objects. */
export function floorFor(
  org: OrgRecord,
  tool: ToolRecord | null,
  guards: readonly BeforeGuard[],
  args: JsonObject,
): Floor {
  const known = KNOWN.get(args);
  if (known !== undefined && known.org === org && known.tool === tool) return known.floor;
  const floor = floorOf(guards, args);
  KNOWN.set(args, { org, tool, floor });
  return floor;
}

/** What a guard finds in one text. */
export function look(guard: BeforeGuard, text: string): Looked {
  switch (guard.kind) {
    case "path_traversal":
      return findTraversal(text, guard.root);
    case "injection":
      return findInjection(text);
    case "secrets":
      return findKinds(text, ["secret"]);
    case "topics":
      return findTopics(text, guard.words);
    case "command":
      return findCommand(text);
    case "sql":
      return findSql(text);
  }
}

/** The place of arguments in a request. */
const ARGUMENTS = "/arguments";

/** The texts that a guard looks at: those at the places that it names, or all. */
function* textsFor(guard: BeforeGuard, args: JsonObject): Generator<PlacedText> {
  if (!("pointers" in guard)) {
    yield* textsOf(args, ARGUMENTS);
    return;
  }
  for (const pointer of guard.pointers) {
    const value: JsonValue | undefined = valueAtPointer(args, pointer);
    if (value === undefined) continue;
    const shown = pointer.split("/").slice(1).map((token) =>
      `/${shownToken(token.replaceAll("~1", "/").replaceAll("~0", "~"))}`
    );
    yield* textsOf(value, ARGUMENTS + shown.join(""));
  }
}
