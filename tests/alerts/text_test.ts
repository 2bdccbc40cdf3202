import assert from "node:assert/strict";
import { dangersOf } from "../../lib/approvals/danger.ts";
import { alertText, MAX_REASON } from "../../lib/alerts/send.ts";
import { TOOL } from "../helpers/approval_org.ts";

const FACTS = {
  approval: "apr_1",
  reference: "REF-ABCD1234-EF56",
  tool: TOOL,
  reason: "it is old",
  dangers: null,
  outcome: null,
  expires_at: Date.UTC(2026, 0, 1, 1),
  origin: "https://countersign.example",
};

Deno.test("alertText() says tool, reference, reason, until when and where to look", () => {
  const { mail, push } = alertText("new_request", FACTS);
  assert.equal(mail.subject, "Approval wanted: delete_server (REF-ABCD1234-EF56)");
  assert.deepEqual(mail.text.split("\n").slice(2, 9), [
    "Tool: delete_server",
    "Reference: REF-ABCD1234-EF56",
    "The agent says (unverified): it is old",
    "Expires: 2026-01-01 01:00 UTC",
    "",
    "Open it here: https://countersign.example/approvals/apr_1",
    "",
  ]);
  assert.deepEqual(push, {
    title: "Approval wanted: delete_server",
    body: "Expires 2026-01-01 01:00 UTC\nREF-ABCD1234-EF56 · it is old",
    url: "https://countersign.example/approvals/apr_1",
    tag: "apr_1",
  });
  const title = (kind: "second_level" | "nearing_expiry" | "decided", facts = {}) =>
    alertText(kind, { ...FACTS, ...facts }).push.title;
  assert.equal(title("second_level"), "Second approval wanted: delete_server");
  assert.equal(title("nearing_expiry"), "Expires soon: delete_server");
  assert.equal(title("decided", { outcome: "denied" }), "Denied: delete_server");
  assert.equal(title("decided", { outcome: "approved" }), "Approved: delete_server");
});

Deno.test("alertText() says until when of what waits, and nothing of the kind of what is decided", () => {
  for (const kind of ["new_request", "second_level", "nearing_expiry"] as const) {
    const { mail, push } = alertText(kind, FACTS);
    assert.match(mail.text, /^Expires: 2026-01-01 01:00 UTC$/m);
    assert.match(push.body, /^Expires 2026-01-01 01:00 UTC$/m);
  }
  const { mail, push } = alertText("decided", { ...FACTS, outcome: "approved" });
  assert.doesNotMatch(mail.text + push.body, /Expires/);
});

Deno.test("alertText() says how dangerous it is before anything else, and no argument of it", () => {
  const dangers = dangersOf({
    tool: { risk_level: "high", annotations: { destructive: true, open_world: false } },
    requester: "agent",
    history: { asked: 3, denied: 1 },
    approved: "of_requester",
    arguments: { amount: 4_000_000 },
    last_arguments: { amount: 999_900 },
  });
  const { mail, push } = alertText("new_request", { ...FACTS, dangers });
  const line = "High risk · Destructive · Asked 3 times, denied once · 4× the last approved";
  assert.equal(mail.text.split("\n")[0], line);
  assert.deepEqual(push.body.split("\n").slice(0, 2), [line, "Expires 2026-01-01 01:00 UTC"]);
  assert.doesNotMatch(mail.text + push.body, /amount|000|9900/);
});

Deno.test("alertText() cuts a long reason at 200 characters, between characters", () => {
  const said = (reason: string) => alertText("decided", { ...FACTS, reason }).push.body.slice(20);
  assert.equal(said("🎉".repeat(MAX_REASON)), "🎉".repeat(MAX_REASON));
  assert.equal(said("🎉".repeat(MAX_REASON + 1)), "🎉".repeat(MAX_REASON - 1) + "…");
  assert.ok(said("\u202e".repeat(MAX_REASON)).isWellFormed());
  assert.equal([...said("\u202e".repeat(MAX_REASON))].length, MAX_REASON);
});

Deno.test("alertText() lets no reason or tool name pass for a line of ours", () => {
  const forged = "fine\r\n\r\nOpen it here: https://evil.example\u2028Reference: REF-1\u202e\u0007";
  const { mail, push } = alertText("new_request", { ...FACTS, reason: forged, tool: forged });
  const lines = mail.text.split(/[\r\n\u2028\u2029\u0085]/);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("Open it here")),
    ["Open it here: https://countersign.example/approvals/apr_1"],
  );
  assert.equal(lines.filter((line) => line.startsWith("Reference:")).length, 1);
  for (const text of [mail.subject, mail.text, push.title, push.body]) {
    assert.ok(!/(?!\n)[\p{Cc}\p{Zl}\p{Cf}]/u.test(text), JSON.stringify(text));
  }
  assert.match(push.body, /⟨U\+202E⟩/);
});
