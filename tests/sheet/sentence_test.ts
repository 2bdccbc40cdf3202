import assert from "node:assert/strict";
import { requesterWords, requestSentence, sentenceText } from "../../lib/sheet/sentence.ts";

const agent = (name: string) => ({ type: "agent", name } as const);
const NOTHING = { resource: null, tenant: null, method: null };

Deno.test("requestSentence() names who wants to run which tool, on what, and for whom", () => {
  const facts = {
    requester: { type: "agent", name: "billing-agent" } as const,
    tool: "refund_payment",
    resource: "order-77",
    tenant: "acme",
    method: "DELETE",
  };
  assert.deepEqual(requestSentence(facts), [
    { kind: "requester", text: "billing-agent" },
    { kind: "text", text: " wants to run " },
    { kind: "tool", text: "refund_payment" },
    { kind: "text", text: " using " },
    { kind: "method", text: "DELETE" },
    { kind: "text", text: " on " },
    { kind: "resource", text: "order-77" },
    { kind: "text", text: " for " },
    { kind: "tenant", text: "acme" },
  ]);
  assert.equal(
    sentenceText(requestSentence(facts)),
    "billing-agent wants to run refund_payment using DELETE on order-77 for acme",
  );
});

Deno.test("requestSentence() leaves out what the action does not name", () => {
  const facts = { requester: agent("bot"), tool: "restart", ...NOTHING };
  assert.equal(sentenceText(requestSentence(facts)), "bot wants to run restart");
  assert.equal(
    sentenceText(requestSentence({ ...facts, tenant: "acme" })),
    "bot wants to run restart for acme",
  );
});

Deno.test("requestSentence() keeps a name in its part, whatever it says", () => {
  const facts = { requester: agent("bot wants to run nothing for"), tool: "restart", ...NOTHING };
  assert.deepEqual(requestSentence(facts)[0], {
    kind: "requester",
    text: "bot wants to run nothing for",
  });
});

Deno.test("sentenceText() writes hidden characters out", () => {
  const facts = { requester: agent("b\u202eot"), tool: "restart", ...NOTHING };
  assert.equal(sentenceText(requestSentence(facts)), "b⟨U+202E⟩ot wants to run restart");
});

Deno.test("requestSentence() says of a program's own name that it is a program's", () => {
  const requester = { type: "oauth_grant", name: "anna@example.com" } as const;
  const facts = { requester, tool: "restart", ...NOTHING };
  assert.equal(
    sentenceText(requestSentence(facts)),
    "The program “anna@example.com” wants to run restart",
  );
  assert.equal(requesterWords(requester), "program “anna@example.com”");
  assert.equal(requesterWords(agent("bot")), "bot");
});
