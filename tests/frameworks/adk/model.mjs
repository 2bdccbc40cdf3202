import { BaseLlm } from "@google/adk";
import { now } from "./agent.mjs";

/** What the model was told of its call, newest last. */
export const told = [];

/** Calls the tool once, and then has read what it was told. */
class ScriptedLlm extends BaseLlm {
  async *generateContentAsync({ contents }) {
    const said = contents.flatMap(({ parts }) => parts).findLast(({ functionResponse }) =>
      functionResponse?.name === "refund_order"
    );
    if (said !== undefined) told.push(JSON.stringify(said.functionResponse.response));
    const part = said === undefined
      ? { functionCall: { id: "call_1", name: "refund_order", args: now } }
      : { text: "I have read it." };
    yield { content: { role: "model", parts: [part] } };
  }

  connect() {
    throw new Error("It only pretends");
  }
}

export const model = new ScriptedLlm({ model: "scripted" });
