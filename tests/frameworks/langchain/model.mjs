import { AIMessage, fakeModel } from "langchain";
import { now } from "./agent.mjs";

/** What the model was told of its call, newest last. */
export const told = [];

/** Calls the tool once, and then has read what it was told. */
const read = (messages) => {
  told.push(messages.at(-1).content);
  return new AIMessage("I have read it.");
};

export const model = fakeModel()
  .respondWithTools([{ name: "refund_order", args: now, id: "call_1" }])
  .respond(read);
