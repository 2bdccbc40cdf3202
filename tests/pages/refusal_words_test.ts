import assert from "node:assert/strict";
import { sendRecoveryCode } from "../../lib/people/recover.ts";
import { type AnyRefusal, Refusal } from "../../lib/refusal.ts";
import { adviceToPerson, refusalWords } from "../../routes/dashboard/refusal_words.ts";
import { PROBLEMS } from "../../routes/http/problems.ts";
import { Countersign } from "../helpers/countersign.ts";
import { textOf } from "../helpers/page_html.ts";
import { CLIENT } from "../helpers/people.ts";

Deno.test("a person is told how long to wait in words, and of no header", () => {
  const data = { retry_after_seconds: 3000 };
  for (const [code, { advice }] of Object.entries(PROBLEMS)) {
    if (!advice.includes("Retry-After")) continue;
    const words = adviceToPerson({ code, data } as unknown as AnyRefusal) ?? "";
    assert.match(words, /^Try again in (a moment|\d+ min \d\d s)\.$/, code);
  }
  const held = refusalWords(new Refusal("recovery_held", { until: "2026-12-02T03:05:00.000Z" }));
  assert.match(held, /on hold until 2 Dec 2026, 03:05 UTC\./);
});

Deno.test("whoever asked for too many codes reads on the page when there are more", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const { origin, services } = countersign;
  const flow = "f".repeat(43);
  const email = "jo@example.com";
  for (let i = 0; i < 5; i++) await sendRecoveryCode(services, { email, flow }, CLIENT);
  const response = await fetch(`${origin}/recover`, {
    method: "POST",
    headers: { origin, cookie: `countersign_flow=${flow}` },
    body: new URLSearchParams({ do: "send_code", email }),
  });
  assert.equal(response.status, 429);
  const text = textOf(await response.text());
  assert.match(text, /as it may have for now\. Try again in 1 h 00 min\./);
  assert.doesNotMatch(text, /Retry-After/);
});

Deno.test("what a page's own script is refused says what its person does next", async () => {
  await using countersign = await Countersign.start({ localhost: true });
  const { origin } = countersign;
  const response = await fetch(`${origin}/oauth/consent`, {
    method: "POST",
    headers: { origin, "content-type": "application/json" },
    body: JSON.stringify({ request: "" }),
  });
  assert.equal(response.status, 401);
  const { detail, advice } = await response.json();
  assert.equal(detail, "You are not signed in.");
  assert.equal(advice, "Sign in again with your passkey.");
});
