import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { AppUser, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { finish, linkOf } from "../helpers/enrolling.ts";
import { granted } from "../helpers/mandates.ts";
import type { Line } from "../helpers/signed_log.ts";
import {
  type Forgery,
  hidden,
  judged,
  moved,
  other,
  partOf,
  placeOf,
  saying,
  told,
} from "./forged_log.ts";

/**
 * What else users do by their own passkeys, held against the log alone: ending a mandate, making a
 * passkey by a link, and losing one. An honest log has nothing wrong, and each forgery is named.
 */

const SECOND = 1000;

async function foundIn(it: ConfirmingOrg, forgeries: readonly Forgery[]): Promise<void> {
  for (const [name, code, said, forge] of forgeries) {
    const { verdict } = await judged(it.org, { change: forge });
    assert.ok(!verdict.ok, `${name} was not found`);
    assert.deepEqual([name, verdict.finding.code], [name, code], verdict.finding.what);
    assert.match(verdict.finding.what, said, name);
  }
  const { verdict } = await judged(it.org);
  assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
}

/** The end of a mandate with other data and private parts. */
function ended(
  lines: Line[],
  data: JsonObject,
  change: (assertion: JsonObject) => JsonObject = (it) => it,
): Line[] {
  return other(
    lines,
    placeOf(lines, "mandate.revoked"),
    (line) => saying(line, data, { assertion: change(partOf(line, "assertion") as JsonObject) }),
  );
}

const stated = (change: JsonObject) => (assertion: JsonObject) => ({
  ...assertion,
  statement: { ...assertion.statement as JsonObject, ...change },
});

Deno.test("the end of a mandate by its user's passkey is checked in an export, and whoever holds the log's key forges none", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const user = new AppUser();
  await it.passkeys("u1", [await user.enrol()]);
  countersign.clock.advance(SECOND);
  const second = await granted(it.org);
  const got = await it.end(user);
  assert.equal(got.status, 200, got.text);
  const end = (lines: Line[]) => placeOf(lines, "mandate.revoked");
  const honest = await judged(it.org);
  assert.ok(honest.verdict.ok);
  assert.deepEqual(honest.verdict.report.decisions, { checked: 1, unchecked: 0, byKey: 0 });
  const eve = await new AppUser("u1").enrol();
  await foundIn(it, [
    [
      "an end that nobody signed",
      "decision_unsigned",
      /commits to no "assertion"/,
      (lines) => hidden(lines, end(lines), ["assertion"], { gone: true }),
    ],
    [
      "an end that names no user",
      "decision_unsigned",
      /commits to no "user_id"/,
      (lines) => hidden(lines, end(lines), ["user_id"], { gone: true }),
    ],
    [
      "the service in the user's place",
      "actor_not_entitled",
      /is by system/,
      (lines) =>
        other(lines, end(lines), ({ entry }) => ({
          entry: { ...entry, actor: { type: "system", id: "mandates" } },
        })),
    ],
    [
      "another passkey",
      "passkey_mismatch",
      /is by passkey/,
      (lines) =>
        ended(lines, {}, (assertion) => ({ ...assertion, credential_id: eve.credential_id })),
    ],
    [
      "a passkey that speaks for nobody",
      "passkey_unknown",
      /ends a mandate in entry \d+, speaks for no user/,
      (lines) => lines.toSpliced(placeOf(lines, "user.passkeys_set"), 1),
    ],
    [
      "a passkey that speaks for the user later",
      "passkey_unknown",
      /speaks for no user/,
      (lines) => moved(lines, placeOf(lines, "user.passkeys_set"), end(lines) + 1),
    ],
    [
      "another mandate than was signed",
      "statement_mismatch",
      /signed mandate/,
      (lines) => ended(lines, {}, stated({ mandate: second })),
    ],
    [
      "the end of another mandate by what was signed for this one",
      "statement_mismatch",
      /signed mandate/,
      (lines) =>
        other(lines, end(lines), ({ entry }) => ({
          entry: {
            ...entry,
            actor: { type: "user", id: second },
            subject: { mandate: second, tenant: null },
          },
        })),
    ],
    [
      "another user",
      "statement_mismatch",
      /signed user "u2"/,
      (lines) => ended(lines, {}, stated({ user: "u2" })),
    ],
    [
      "another organization",
      "statement_mismatch",
      /signed org/,
      (lines) => ended(lines, {}, stated({ org: "org_other" })),
    ],
    [
      "a changed time",
      "assertion_challenge_mismatch",
      /another statement/,
      (lines) =>
        ended(
          lines,
          {},
          stated({ issued_at: new Date(countersign.clock.now - SECOND).toISOString() }),
        ),
    ],
    [
      "an old signature",
      "decision_out_of_time",
      /its passkey signed at/,
      (lines) => ended(lines, {}, stated({ issued_at: "2020-01-01T00:00:00.000Z" })),
    ],
    [
      "a yes in the place of an end",
      "assertion_malformed",
      /no "countersign.mandate-revocation"/,
      (lines) => ended(lines, {}, stated({ type: "countersign.user-confirmation" })),
    ],
    [
      "a statement that says more",
      "assertion_malformed",
      /no "countersign.mandate-revocation"/,
      (lines) => ended(lines, {}, stated({ more: 1 })),
    ],
    [
      "a changed signature",
      "assertion_signature_wrong",
      /is not by passkey .* of user "u1"/,
      (lines) => ended(lines, {}, (assertion) => ({ ...assertion, signature: "AAAA" })),
    ],
  ]);
  const bare = await judged(it.org, {
    change: (lines) => hidden(lines, end(lines), ["assertion"]),
  });
  assert.ok(bare.verdict.ok);
  assert.deepEqual(bare.verdict.report.decisions, { checked: 0, unchecked: 1, byKey: 0 });
});

Deno.test("a passkey that came by a link is tied to the entry that opened the link", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  assert.equal(await finish(it, await linkOf(it)), null);
  const set = (lines: Line[]) => placeOf(lines, "user.passkeys_set");
  const opened = (lines: Line[]) => placeOf(lines, "user.enrolment_opened");
  const setting = (lines: Line[], data: JsonObject, parts = {}) =>
    other(lines, set(lines), (line) => saying(line, data, parts));
  await foundIn(it, [
    [
      "a link that nobody opened",
      "enrolment_unfounded",
      /which no entry of the quarter of an hour before opens/,
      (lines) => lines.toSpliced(opened(lines), 1),
    ],
    [
      "another link",
      "enrolment_unfounded",
      /by the link "sha256:00"/,
      (lines) => setting(lines, { enrolment: "sha256:00" }),
    ],
    [
      "no link",
      "enrolment_unfounded",
      /by the link null/,
      (lines) => setting(lines, { enrolment: null }),
    ],
    [
      "a link that is opened afterwards",
      "enrolment_unfounded",
      /opens, or which served already/,
      (lines) => moved(lines, opened(lines), set(lines) + 1),
    ],
    [
      "a link that serves twice",
      "enrolment_unfounded",
      /served already/,
      (lines) => lines.toSpliced(set(lines), 0, lines[set(lines)] ?? assert.fail()),
    ],
    [
      "a link of another user",
      "enrolment_unfounded",
      /speak for "u2" by a link for "u1"/,
      (lines) => setting(lines, {}, { user_id: "u2" }),
    ],
    [
      "a link that removes another passkey",
      "enrolment_unfounded",
      /does more by a link/,
      (lines) => setting(lines, { removed: 1 }),
    ],
    [
      "the service, which sets none",
      "enrolment_unfounded",
      /by the link null/,
      (lines) =>
        other(lines, set(lines), (line) => ({
          ...saying(line, { enrolment: null }),
          entry: {
            ...saying(line, { enrolment: null }).entry,
            actor: { type: "system", id: "users" },
          },
        })),
    ],
  ]);
});

Deno.test("a token that comes by a yes of a passkey that went is found", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const user = new AppUser();
  const passkey = await user.enrol();
  await it.passkeys("u1", [passkey]);
  countersign.clock.advance(SECOND);
  const asked = await it.ask();
  assert.equal((await it.approve(asked.nonce, user)).status, 200);
  const minted = await it.org.post("/v1/tokens/mint", {
    tool_name: "refund",
    mandate_id: it.mandate,
    approval_id: asked.approval.id,
  });
  assert.equal(minted.status, 201, minted.text);
  countersign.clock.advance(SECOND);
  const { token } = minted.body;
  const consumed = await it.org.post("/v1/tokens/consume", { token, tool_name: "refund" });
  assert.equal(consumed.status, 200, consumed.text);
  countersign.clock.advance(SECOND);
  await it.passkeys("u1", []);
  countersign.clock.advance(SECOND);
  await it.passkeys("u1", [passkey]);
  // What removed it, or put it in again, before the token came.
  const removedAt = (lines: Line[], to: number) =>
    moved(
      lines,
      placeOf(lines, "user.passkeys_set", ({ entry }) => (entry.data as JsonObject).removed === 1),
      to,
    );
  const before = (lines: Line[]) => removedAt(lines, placeOf(lines, "token.minted") - 1);
  const beforeUse = (lines: Line[]) => removedAt(lines, placeOf(lines, "token.consumed"));
  const back = (lines: Line[]) =>
    moved(
      before(lines),
      placeOf(lines, "user.passkeys_set"),
      placeOf(before(lines), "token.minted") - 1,
    );
  await foundIn(it, [
    [
      "a passkey that was removed",
      "passkey_removed",
      /mints by a yes .* which entry \d+ removed/,
      before,
    ],
    ["a passkey that came back", "passkey_removed", /mints by a yes .* removed or replaced/, back],
    ["a token used after it went", "passkey_removed", /has something run by a yes/, beforeUse],
  ]);
});

Deno.test("a key that answers for a user within a day after their passkey went is found", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const asked = await it.ask();
  const yes = await it.answer(asked.nonce, { decision: "approve" }, it.org.approver);
  assert.equal(yes.status, 200, yes.text);
  countersign.clock.advance(SECOND);
  await it.passkeys("u1", [await new AppUser().enrol()]);
  countersign.clock.advance(SECOND);
  await it.passkeys("u1", []);
  const set = (lines: Line[], what: "added" | "removed") =>
    placeOf(lines, "user.passkeys_set", ({ entry }) => (entry.data as JsonObject)[what] === 1);
  const decided = (lines: Line[]) => placeOf(lines, "approval.decided");
  const had = (lines: Line[]) => moved(lines, set(lines, "added"), decided(lines));
  await foundIn(it, [
    ["a key while they have one", "actor_not_entitled", /who has a passkey of their own/, had],
    [
      "a key when it is just gone",
      "actor_not_entitled",
      /whose passkey entry \d+ removed or replaced/,
      (lines) => moved(had(lines), set(had(lines), "removed"), decided(had(lines))),
    ],
  ]);
});

Deno.test("a key that answers after the organization left that to people, or to passkeys, is found", async () => {
  await using countersign = await Countersign.start();
  const it = await ConfirmingOrg.make(countersign);
  const asked = await it.ask();
  const yes = await it.answer(asked.nonce, { decision: "approve" }, it.org.approver);
  assert.equal(yes.status, 200, yes.text);
  for (const setting of [{ confirm_by: "passkey" }, { api_decisions: false }]) {
    countersign.clock.advance(SECOND);
    assert.equal((await it.org.manage("PATCH", "/v1/org", setting)).status, 200);
  }
  const before = (name: string) => (lines: Line[]) =>
    moved(
      lines,
      placeOf(lines, "org.set", ({ entry }) => name in (told(entry, "changed") as JsonObject)),
      placeOf(lines, "approval.decided"),
    );
  await foundIn(it, [
    [
      "a key where passkeys answer",
      "actor_not_entitled",
      /leaves it to the passkeys of users/,
      before("confirm_by"),
    ],
    ["a key where people do", "actor_not_entitled", /leaves it to people/, before("api_decisions")],
  ]);
});
