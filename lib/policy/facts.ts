import type { Action } from "../base/action.ts";
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  memberOf,
  pointerToken,
  pointerTokens,
  valueAtPointer,
} from "../base/json.ts";
import { externalIdProblem, MAX_EXTERNAL_ID } from "../base/text.ts";
import {
  MAX_PLACE,
  REQUIRED_FACTS,
  type RequiredFact,
  type ToolRecord,
} from "../store/records/policy.ts";
import type { SubTokenScope } from "../store/records/sub_token.ts";
import { isSameMethod, METHOD_FORM } from "./rule_index.ts";

/**
 * What is known of an action by what is sent, and what only its asker says of it. A tool of an upstream
 * is sent its arguments and nothing else: a tenant, a resource or a method that rules rest on is read
 * from there, where the tool says at which place, and what is only stated lets nothing through. Pure.
 */

/** What of a tool tells where its facts are. */
type Known = Pick<ToolRecord, "facts" | "upstream">;

/** One thing that is wrong with a body, at its place there. */
interface Problem {
  readonly path: string;
  readonly message: string;
}

/** What a body calls each fact. */
const FIELDS: Readonly<Record<RequiredFact, string>> = {
  tenant: "/tenant_id",
  resource: "/resource_id",
  method: "/method",
};

/**
 * The action with the facts that its tool knows by itself: the method by which an operation of an HTTP
 * API is asked, and what stands in the arguments where the tool says so. A place where nothing stands,
 * or null, leaves the fact missing. What stands there and is no text that could be one is refused: who
 * runs the tool may make one of it. So is what the body states otherwise, also where nothing stands.
 * @returns the problems where there are any
 */
export function readFacts<A extends Action>(tool: Known, action: A): A | readonly Problem[] {
  const { facts = {}, upstream } = tool;
  if (upstream === undefined) return action;
  const problems: Problem[] = [];
  const read: Partial<Record<RequiredFact, string>> = {};
  for (const fact of REQUIRED_FACTS) {
    const stated = action[fact];
    const pointer = facts[fact];
    const known = fact === "method" ? upstream.method : undefined;
    if (known !== undefined) {
      if (stated === null || isSameMethod(stated, known)) read[fact] = known;
      else {
        const message = `is ${known} for this tool; leave it out, or state that`;
        problems.push({ path: FIELDS[fact], message });
      }
      continue;
    }
    if (pointer === undefined) continue;
    const value = valueAtPointer(action.arguments, pointer) ?? null;
    const wrong = value === null ? null : textProblem(fact, value);
    if (wrong !== null) {
      const message = `is read as the ${fact} of the action, and ${wrong}`;
      problems.push({ path: `/arguments${pointer}`, message });
    } else if (stated !== null && !isSame(fact, stated, value)) {
      const place = `/arguments${pointer}`;
      const message = value === null
        ? `is read from ${place}, where nothing stands; name it there, and leave it out here`
        : `is read from ${place}, which says otherwise; leave it out here`;
      problems.push({ path: FIELDS[fact], message });
    } else if (typeof value === "string") read[fact] = value;
  }
  return problems.length > 0 ? problems : { ...action, ...read };
}

/** The same where a contradiction is told in another way: then the action as it is stated. */
export function withReadFacts<A extends Action>(tool: Known | undefined, action: A): A {
  const read = tool === undefined ? action : readFacts(tool, action);
  return isProblems(read) ? action : read;
}

/** Whether facts could not be read. */
export function isProblems(read: Action | readonly Problem[]): read is readonly Problem[] {
  return Array.isArray(read);
}

/** Why a value is not taken as a fact; the rules are those of the fields of a body. */
function textProblem(fact: RequiredFact, value: JsonValue): string | null {
  if (typeof value !== "string") return "has to be text";
  if (value === "") return "must not be empty; leave it out";
  if (fact === "method") {
    return METHOD_FORM.test(value) ? null : "has to be 1 to 64 printable ASCII characters";
  }
  if (value.length > MAX_EXTERNAL_ID) return `has at most ${MAX_EXTERNAL_ID} characters`;
  const problem = externalIdProblem(value);
  return problem === null ? null : `is not taken as an id: ${problem}`;
}

function isSame(fact: RequiredFact, stated: string, value: JsonValue): boolean {
  return fact === "method"
    ? typeof value === "string" && isSameMethod(stated, value)
    : stated === value;
}

/** Whether nothing could say a fact of a tool's actions but their asker's word. */
export function isUnvouched({ facts, upstream }: Known, fact: RequiredFact): boolean {
  if (upstream === undefined || fact === "tenant" || facts?.[fact] !== undefined) return false;
  return fact === "resource" || upstream.method === undefined;
}

/** Those facts of an action that nothing but its asker's word says. */
export function statedFacts(
  tool: Known,
  action: Pick<Action, "resource" | "method">,
): ("resource" | "method")[] {
  return (["resource", "method"] as const).filter((fact) => isOnlyStated(tool, fact, action[fact]));
}

/** Whether nothing but the asker's word says that this is the fact of an action. */
export function isOnlyStated(
  tool: Known,
  fact: "resource" | "method",
  stated: string | null,
): boolean {
  return stated !== null && isUnvouched(tool, fact);
}

/**
 * The action without what is only stated: all that it might be if the asker's word is worth nothing,
 * each by itself and both. None where there is nothing of the kind. A tenant is not among it: that is
 * held by the caller's wall.
 */
export function withoutStated<A extends Pick<Action, "resource" | "method">>(
  tool: Known,
  action: A,
): A[] {
  const stated = statedFacts(tool, action);
  return [
    ...stated.map((fact) => ({ ...action, [fact]: null })),
    ...(stated.length === 2 ? [{ ...action, resource: null, method: null }] : []),
  ];
}

/** What a tool is to whoever asks before there are arguments: without the gates that these decide. */
export function beforeArguments(tool: ToolRecord): ToolRecord {
  const { facts = {}, required_facts, methods } = tool;
  return {
    ...tool,
    required_facts: required_facts.filter((fact) => facts[fact] === undefined),
    methods: facts.method === undefined ? methods : null,
  };
}

/** What a sub-token reaches likewise. */
export function reachBeforeArguments(
  { facts = {} }: Pick<ToolRecord, "facts">,
  scope: SubTokenScope,
): SubTokenScope {
  return {
    ...scope,
    ...(facts.tenant === undefined ? {} : { tenant_ids: null }),
    ...(facts.resource === undefined ? {} : { resources: null }),
    ...(facts.method === undefined ? {} : { methods: null }),
  };
}

/** Whether facts are read from fewer or other places than before: what was read is only stated then. */
export function factsWiden(old: Known, next: Pick<ToolRecord, "facts"> | null): boolean {
  return REQUIRED_FACTS.some((fact) => {
    const pointer = old.facts?.[fact];
    return pointer !== undefined && next?.facts?.[fact] !== pointer;
  });
}

/** What stands against reading facts of a tool from these places, at its place in the request. */
export function factProblems(
  { name, facts = {}, upstream, parameters }: ToolRecord,
): Problem[] {
  if (Object.keys(facts).length > 0 && upstream === undefined) {
    const message =
      `are read where Countersign runs the tool itself, and ${name} is a tool of no ` +
      "upstream; leave them out, and have its caller state them";
    return [{ path: "/facts", message }];
  }
  return REQUIRED_FACTS.flatMap((fact) => {
    const pointer = facts[fact];
    if (pointer === undefined) return [];
    const wrong = fact === "method" && upstream?.method !== undefined
      ? `is ${upstream.method}, by which the operation is asked; leave it out`
      : placeProblem(parameters, pointer);
    return wrong === null ? [] : [{ path: `/facts/${fact}`, message: wrong }];
  });
}

/** Keywords by which a schema may say of a member what its `properties` do not. */
const ELSEWHERE = [
  "$ref",
  "$dynamicRef",
  "allOf",
  "anyOf",
  "oneOf",
  "if",
  "not",
  "dependentSchemas",
  "patternProperties",
];

/** What is wrong with a place by what the parameters say of it; null also where they say nothing. */
function placeProblem(parameters: JsonObject | null, pointer: string): string | null {
  let at: JsonValue | undefined = parameters ?? undefined;
  for (const token of pointerTokens(pointer)) {
    if (!isJsonObject(at) || ELSEWHERE.some((word) => Object.hasOwn(at as JsonObject, word))) {
      return null;
    }
    const properties: JsonValue | undefined = memberOf(at, "properties");
    if (!isJsonObject(properties)) return null;
    at = memberOf(properties, token);
    if (at === undefined) {
      return `names ${pointer}, which the tool's parameters do not have; take one that they have`;
    }
  }
  const type = memberOf(at, "type");
  const types = type === undefined ? null : Array.isArray(type) ? type : [type];
  return types === null || types.includes("string")
    ? null
    : `names ${pointer}, which is no text by the tool's parameters; take a place that holds text`;
}

/** Which facts of a tool no arguments can have by now: its upstream has changed its parameters since. */
export function lostFacts(tool: Pick<ToolRecord, "facts" | "parameters">): RequiredFact[] {
  return REQUIRED_FACTS.filter((fact) => {
    const pointer = tool.facts?.[fact];
    return pointer !== undefined && placeProblem(tool.parameters, pointer) !== null;
  });
}

/** How deep and how many places are proposed. */
const PROPOSED = { depth: 4, places: 50 } as const;

/** The places that hold text by a tool's parameters, as pointers, for who says where facts are read. */
export function textPlaces(parameters: JsonObject | null): string[] {
  const found: string[] = [];
  const look = (schema: JsonValue | undefined, pointer: string, depth: number) => {
    const properties = memberOf(schema, "properties");
    if (!isJsonObject(properties) || depth > PROPOSED.depth) return;
    for (const [name, member] of Object.entries(properties)) {
      if (found.length >= PROPOSED.places) return;
      const at = `${pointer}/${pointerToken(name)}`;
      if (memberOf(member, "type") === "string" && at.length <= MAX_PLACE) found.push(at);
      look(member, at, depth + 1);
    }
  };
  look(parameters ?? undefined, "", 1);
  return found;
}
