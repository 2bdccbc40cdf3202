import type { JsonObject } from "../base/json.ts";
import type { AfterGuard, BeforeGuard, Finding } from "../store/records/guards.ts";
import type { Permission } from "../store/records/vocabulary.ts";
import { Findings } from "./findings.ts";
import { floorOf, look } from "./floor.ts";
import { AnswerGuard, type AnswerLook, atOnce } from "./result.ts";

/** What guards would say of a text or a value, for whoever sets them: nothing is decided by it. */

/** What is looked at. */
export type Tried = { readonly text: string } | { readonly value: JsonObject };

export interface TriedBefore {
  readonly findings: readonly Finding[];
  /** The least strict that the answer of a call may be. */
  readonly permission: Permission;
}

/** A text is looked at as if it stood at every place that a guard names. */
export function tryBefore(guards: readonly BeforeGuard[], tried: Tried): TriedBefore {
  if ("value" in tried) {
    const { findings, permission } = floorOf(guards, tried.value);
    return { findings, permission };
  }
  const { text } = tried;
  const findings = new Findings();
  const found: BeforeGuard[] = [];
  for (const guard of guards) {
    if (guard.mode === "off") continue;
    const { spans } = look(guard, text);
    for (const { kind } of spans) findings.add(guard.kind, kind, "/text");
    if (spans.length > 0) found.push(guard);
  }
  const has = (mode: BeforeGuard["mode"]) => found.some((guard) => guard.mode === mode);
  const permission = has("block") ? "disabled" : has("approve") ? "requires_approval" : "allowed";
  return { findings: findings.list(), permission };
}

/** What an answer would say, and what would stand in it. */
export interface TriedAfter extends AnswerLook {
  readonly redacted: string | JsonObject;
}

export function tryAfter(guards: readonly AfterGuard[], tried: Tried): TriedAfter {
  const answer = new AnswerGuard(guards);
  const redacted = "text" in tried
    ? atOnce(answer.text(tried.text, "/text"))
    : atOnce(answer.values(tried.value, "/value"));
  return { ...answer.looked(), redacted };
}
