import type { Action } from "../authorize.ts";
import type { Arguments, Call } from "./command.ts";

/** How commands are told of an action besides its tool and arguments. */
export const FACTS: Arguments = {
  tenant: { type: "string", description: "For which tenant", valueHint: "ID" },
  resource: { type: "string", description: "On what", valueHint: "ID" },
  method: { type: "string", description: "Which operation", valueHint: "NAME" },
  mandate: { type: "string", description: "Under which mandate", valueHint: "ID" },
};

/** How commands are told of an action. */
export const ACTION: Arguments = {
  tool: { type: "positional", description: "The tool that would be called" },
  arguments: {
    type: "string",
    description: "Its arguments: a JSON object, @FILE, or - for the standard input",
    valueHint: "JSON",
  },
  ...FACTS,
};

/** The facts of a call's action. */
export function factsOf(call: Call): Omit<Action, "tool_name" | "arguments"> {
  const facts = {
    tenant_id: call.text("tenant"),
    resource_id: call.text("resource"),
    method: call.text("method"),
    mandate_id: call.text("mandate"),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

/** The action that a call is about. @throws {WrongUse} */
export async function actionOf(call: Call): Promise<Action> {
  const text = call.text("arguments");
  return {
    tool_name: call.needed("tool"),
    arguments: text === undefined ? {} : await call.object(text),
    ...factsOf(call),
  };
}
