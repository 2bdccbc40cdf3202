import { MockLanguageModelV4 } from "ai/test";
import { now } from "./agent.mjs";

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** Calls the tool once, and then has read what it was told. */
export const model = new MockLanguageModelV4({
  doGenerate: ({ prompt }) => {
    const told = prompt.at(-1).role === "tool";
    const call = { type: "tool-call", toolCallId: "call_1", toolName: "refund_order" };
    const content = told
      ? { type: "text", text: "I have read it." }
      : { ...call, input: JSON.stringify(now) };
    const unified = told ? "stop" : "tool-calls";
    return Promise.resolve({
      content: [content],
      finishReason: { unified, raw: unified },
      usage: USAGE,
      warnings: [],
    });
  },
});
