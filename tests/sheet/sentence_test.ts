import assert from "node:assert/strict";
import { requesterWords, requestSentence, sentenceText } from "../../lib/sheet/sentence.ts";

const ID = "agt_01kdvdna00ev3bbg48xb2d35wk";
const agent = (name: string, id = ID) => ({ type: "agent", id, name } as const);
const NOTHING = { resource: null, tenant: null, method: null };

Deno.test("requestSentence() names who wants to run which tool, on what, and for whom", () => {
  const facts = {
    requester: agent("billing-agent"),
    tool: "refund_payment",
    resource: "order-77",
    tenant: "acme",
    method: "DELETE",
  };
  assert.deepEqual(requestSentence(facts), [
    { kind: "requester", text: "billing-agent" },
    { kind: "text", text: " " },
    { kind: "id", text: "…2d35wk" },
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
    "billing-agent …2d35wk wants to run refund_payment using DELETE on order-77 for acme",
  );
});

Deno.test("requestSentence() leaves out what the action does not name", () => {
  const facts = { requester: agent("bot"), tool: "restart", ...NOTHING };
  assert.equal(sentenceText(requestSentence(facts)), "bot …2d35wk wants to run restart");
  assert.equal(
    sentenceText(requestSentence({ ...facts, tenant: "acme" })),
    "bot …2d35wk wants to run restart for acme",
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
  assert.equal(sentenceText(requestSentence(facts)), "b⟨U+202E⟩ot …2d35wk wants to run restart");
});

Deno.test("requestSentence() says of a program's own name that it is a program's", () => {
  const requester = { type: "oauth_grant", id: ID, name: "anna@example.com" } as const;
  const facts = { requester, tool: "restart", ...NOTHING };
  assert.equal(
    sentenceText(requestSentence(facts)),
    "The program “anna@example.com” …2d35wk wants to run restart",
  );
  assert.equal(requesterWords(requester), "program “anna@example.com” …2d35wk");
  assert.equal(requesterWords(agent("bot")), "bot …2d35wk");
});

Deno.test("two agents of one name are told apart by the end of their ids, wherever they are named", () => {
  const said = ["agt_01kdvdna00ev3bbg48xb2d35wk", "agt_01kdvdna00ev3bbg48xb2d35wm"].map((id) => [
    requesterWords(agent("billing-agent", id)),
    sentenceText(requestSentence({ requester: agent("billing-agent", id), tool: "x", ...NOTHING })),
  ]);
  assert.deepEqual(said, [
    ["billing-agent …2d35wk", "billing-agent …2d35wk wants to run x"],
    ["billing-agent …2d35wm", "billing-agent …2d35wm wants to run x"],
  ]);
  // A name that ends like an id does not take its place.
  assert.match(requesterWords(agent("billing-agent …2d35wm")), / …2d35wk$/);
});
