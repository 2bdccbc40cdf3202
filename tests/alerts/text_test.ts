import assert from "node:assert/strict";
import { alertText, MAX_REASON } from "../../lib/alerts/send.ts";
import { TOOL } from "../helpers/approval_org.ts";

const FACTS = {
  approval: "apr_1",
  reference: "REF-ABCD1234-EF56",
  tool: TOOL,
  reason: "it is old",
  outcome: null,
  expires_at: Date.UTC(2026, 0, 1, 1),
  origin: "https://countersign.example",
};

Deno.test("alertText() says tool, reference, reason and where to look", () => {
  const { mail, push } = alertText("new_request", FACTS);
  assert.equal(mail.subject, "Approval wanted: delete_server (REF-ABCD1234-EF56)");
  assert.deepEqual(mail.text.split("\n").slice(2, 8), [
    "Tool: delete_server",
    "Reference: REF-ABCD1234-EF56",
    "The agent says (unverified): it is old",
    "",
    "Open it here: https://countersign.example/approvals/apr_1",
    "",
  ]);
  assert.deepEqual(push, {
    title: "Approval wanted: delete_server",
    body: "REF-ABCD1234-EF56 · it is old",
    url: "https://countersign.example/approvals/apr_1",
    tag: "apr_1",
  });
  const title = (kind: "second_level" | "nearing_expiry" | "decided", facts = {}) =>
    alertText(kind, { ...FACTS, ...facts }).push.title;
  assert.equal(title("second_level"), "Second approval wanted: delete_server");
  assert.equal(title("nearing_expiry"), "Expires soon: delete_server");
  assert.equal(title("decided", { outcome: "denied" }), "Denied: delete_server");
  assert.equal(title("decided", { outcome: "approved" }), "Approved: delete_server");
  assert.match(alertText("nearing_expiry", FACTS).mail.text, /expires at 2026-01-01 01:00 UTC/);
});

Deno.test("alertText() cuts a long reason at 200 characters, between characters", () => {
  const said = (reason: string) =>
    alertText("new_request", { ...FACTS, reason }).push.body.slice(20);
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
