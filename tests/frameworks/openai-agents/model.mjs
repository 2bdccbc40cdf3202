import {
  assistantMessage,
  functionCall,
  modelResponder,
  ScriptedModel,
} from "@openai/agents/testing";
import { now } from "./agent.mjs";

/** What the model was told of its call, newest last. */
export const told = [];

/** Calls the tool once, and then has read what it was told. */
const step = modelResponder(({ request: { input } }) => {
  const last = Array.isArray(input) ? input.at(-1) : null;
  if (last?.type !== "function_call_result") {
    return [functionCall("refund_order", now, { callId: "call_1" })];
  }
  told.push(typeof last.output === "string" ? last.output : JSON.stringify(last.output));
  return [assistantMessage("I have read it.")];
});

export const model = new ScriptedModel([step, step]);
