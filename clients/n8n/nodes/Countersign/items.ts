import type { IDataObject, INodeExecutionData } from "n8n-workflow";
import type { Action } from "./sdk/authorize.ts";
import { NotRun } from "./sdk/errors.ts";
import type { Passing, Stopped } from "./sdk/step.ts";

/** What an item is asked about, and how it leaves the node. */

/** The member of an item that this node writes; what an item says of itself is not asked about. */
const OWN = "countersign";

/** Reads a parameter of the node for one item. */
export type Read = (name: string, index: number) => unknown;

/** An item as it was authorized: what runs cannot differ from what was asked. */
export interface Asked {
  readonly action: Action;
  readonly json: IDataObject;
}

/** @throws {NotRun} for parameters that say no action */
export function askedOf(
  item: INodeExecutionData,
  index: number,
  read: Read,
): Asked {
  const own = copyOf(besides(item.json)) as IDataObject;
  const given = read("argumentsFrom", index) === "item" ? own : parsed(read("arguments", index));
  const facts = objectOf(read("facts", index) ?? {}, "Facts");
  const named = Object.entries(facts).filter(([, value]) => value !== "");
  const tool_name = read("toolName", index);
  if (typeof tool_name !== "string" || tool_name === "") {
    throw wrong("The tool has no name");
  }
  const args = objectOf(given, "Arguments");
  return {
    action: {
      ...Object.fromEntries(named),
      tool_name,
      arguments: copyOf(args) as IDataObject,
    },
    json: own,
  };
}

/** An item that may run. */
export function allowed(
  { action, json }: Asked,
  step: Passing,
): IDataObject {
  const { token, token_id, decision_id, reference } = step;
  const { tool_name, arguments: args } = action;
  const said = { code: "allowed", tool_name, arguments: args, token, token_id };
  return { ...json, [OWN]: { ...said, decision_id, reference } as IDataObject };
}

/** Why an item may not, and what can be done. */
export function refused(json: IDataObject, step: Stopped): IDataObject {
  const { code, message: reason, reference, review_url, confirm_url, next, what_to_do } = step;
  const said = { code, reason, reference, review_url, confirm_url, next, what_to_do };
  return { ...besides(json), [OWN]: said as IDataObject };
}

/** A parameter that says no action; its words are the node's own. */
export function wrong(message: string): NotRun {
  return new NotRun(message, { code: "invalid_parameters" });
}

/** An item without what this node said of it before. */
function besides(json: IDataObject): IDataObject {
  return Object.fromEntries(
    Object.entries(json).filter(([name]) => name !== OWN),
  );
}

/** What is no JSON is no object either, and refused as such. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}

function objectOf(value: unknown, name: string): IDataObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as IDataObject;
  }
  throw wrong(`${name} must be a JSON object`);
}

function copyOf(value: IDataObject): unknown {
  return JSON.parse(JSON.stringify(value));
}
