import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { credentialDigest } from "../../lib/passkeys/evidence.ts";
import { logReportText } from "../../lib/verify/verdict_text.ts";
import { AppUser, ConfirmingOrg } from "../helpers/confirming.ts";
import { Countersign } from "../helpers/countersign.ts";
import { checkpointNote, exportText, publishedKeys, verdictOn } from "../helpers/evidence.ts";
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
} from "./forged_log.ts";

/**
 * What users said yes to, by their own passkeys and by their application's key, held against the log
 * alone: an honest one has nothing wrong, and whoever holds the log's key forges none.
 */

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

/** A user who has the passkey that `user` makes says yes by it, and another's application does by a key. */
async function answered(countersign: Countersign) {
  const it = await ConfirmingOrg.make(countersign);
  const user = new AppUser();
  const passkey = await user.enrol();
  const put = await it.passkeys("u1", [passkey]);
  assert.equal(put.status, 200, put.text);
  countersign.clock.advance(SECOND);
  const asked = await it.ask();
  countersign.clock.advance(SECOND);
  const approved = await it.approve(asked.nonce, user);
  assert.equal(approved.status, 200, approved.text);
  const other = await it.ask({}, await granted(it.org, { user_id: "u2" }));
  const byKey = await it.answer(other.nonce, { decision: "approve" }, it.org.approver);
  assert.equal(byKey.status, 200, byKey.text);
  countersign.clock.advance(SECOND);
  return { it, user, passkey };
}

Deno.test("yeses of a user's passkey and of an application's key are checked in an export with private parts, and counted without", async () => {
  await using countersign = await Countersign.start();
  const { it: { org } } = await answered(countersign);
  const auditor = await org.key("standard", { audit_private: true });
  const { keys } = await publishedKeys(org);
  for (const [key, checked] of [[auditor, 1], [org.standard, 0]] as const) {
    // Reading private parts is an entry itself, which no checkpoint of before covers.
    const note = await checkpointNote(org);
    const text = await exportText(org, key);
    assert.equal(text.includes('"assertion":'), checked === 1);
    const verdict = await verdictOn(text, note, keys);
    assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
    const { decisions } = verdict.report;
    assert.deepEqual(decisions, { checked, unchecked: 1 - checked, byKey: 1 });
    const said = logReportText(verdict.report);
    const counted = checked === 1
      ? "1 signed decisions checked"
      : "1 without their private part: not checkable";
    assert.ok(said.includes(counted), said);
  }
});

/** The passkey's yes. */
const isSigned = ({ entry }: Line) => (entry.actor as JsonObject).type === "user";

/** What the set of the one passkey says, with another's in it. */
function setTo(lines: Line[], change: JsonObject): Line[] {
  return other(lines, placeOf(lines, "user.passkeys_set"), (line) => {
    const [one] = partOf(line, "passkeys") as JsonObject[];
    const next = { ...one, ...change };
    const credentials = [credentialDigest(String(next.credential_id))];
    return saying(line, { credentials }, { passkeys: [next] });
  });
}

function yes(
  lines: Line[],
  data: JsonObject,
  change: (assertion: JsonObject) => JsonObject = (it) => it,
) {
  return other(
    lines,
    placeOf(lines, "approval.decided", isSigned),
    (line) => saying(line, data, { assertion: change(partOf(line, "assertion") as JsonObject) }),
  );
}

const stated = (change: JsonObject) => (assertion: JsonObject) => ({
  ...assertion,
  statement: { ...assertion.statement as JsonObject, ...change },
});

Deno.test("whoever holds the log's key forges no yes of a user's passkey: each is found, and named", async () => {
  await using countersign = await Countersign.start();
  const { it } = await answered(countersign);
  const eve = await new AppUser("u1").enrol();
  const digest = credentialDigest(eve.credential_id);
  const signed = (lines: Line[]) => placeOf(lines, "approval.decided", isSigned);
  const set = (lines: Line[]) => placeOf(lines, "user.passkeys_set");
  const forgeries: Forgery[] = [
    [
      "a swapped public key",
      "assertion_signature_wrong",
      /is not by passkey .* of user "u1"/,
      (lines) => setTo(lines, { public_key: eve.public_key }),
    ],
    [
      "a swapped passkey",
      "passkey_unknown",
      /speaks for no user/,
      (lines) => setTo(lines, { credential_id: eve.credential_id }),
    ],
    [
      "a passkey of another user",
      "passkey_unknown",
      /speaks for no user/,
      (lines) => other(lines, set(lines), (line) => saying(line, {}, { user_id: "u3" })),
    ],
    [
      "an entry that names another passkey",
      "passkey_malformed",
      /not the one that the entry names/,
      (lines) => other(lines, set(lines), (line) => saying(line, { credentials: [digest] })),
    ],
    [
      "passkeys that are not told",
      "passkey_malformed",
      /Entry \d+ names 1 passkeys and tells of 0/,
      (lines) => other(lines, set(lines), (line) => saying(line, {}, { passkeys: [] })),
    ],
    [
      "a swapped credential",
      "passkey_mismatch",
      /is by passkey/,
      (lines) =>
        yes(lines, {}, (assertion) => ({ ...assertion, credential_id: eve.credential_id })),
    ],
    [
      "a yes that names another credential",
      "passkey_unknown",
      /speaks for no user/,
      (lines) => yes(lines, { credential: digest }),
    ],
    [
      "a changed statement",
      "assertion_challenge_mismatch",
      /another statement/,
      (lines) => yes(lines, {}, stated({ nonce: "AAAA" })),
    ],
    [
      "another price",
      "assertion_challenge_mismatch",
      /another statement/,
      (lines) => yes(lines, {}, stated({ estimated_cost_micros: 7 })),
    ],
    [
      "another view",
      "statement_mismatch",
      /signed view_digest/,
      (lines) => yes(lines, {}, stated({ view_digest: "sha256:00" })),
    ],
    [
      "another user",
      "statement_mismatch",
      /signed user "u3"/,
      (lines) => yes(lines, {}, stated({ user: "u3" })),
    ],
    [
      "a statement that says more",
      "assertion_malformed",
      /no "countersign.user-confirmation"/,
      (lines) => yes(lines, {}, stated({ more: 1 })),
    ],
    [
      "a site that is not the passkey's",
      "assertion_elsewhere",
      /another origin/,
      (lines) => setTo(lines, { origins: ["https://evil.example.com"] }),
    ],
    [
      "a passkey from after the question",
      "passkey_unknown",
      /asked was at/,
      (lines) => moved(lines, set(lines), signed(lines)),
    ],
    [
      "no entry of the passkey",
      "passkey_unknown",
      /speaks for no user/,
      (lines) => lines.toSpliced(set(lines), 1),
    ],
    [
      "a passkey that answers later",
      "passkey_unknown",
      /answers nothing before/,
      (lines) =>
        other(
          lines,
          set(lines),
          (line) =>
            saying(line, { held_until: new Date(countersign.clock.now + DAY).toISOString() }),
        ),
    ],
    [
      "a yes that commits to no assertion",
      "decision_unsigned",
      /commits to no/,
      (lines) => hidden(lines, signed(lines), ["assertion"], { gone: true }),
    ],
    [
      "a yes that commits to no user",
      "decision_unsigned",
      /commits to no/,
      (lines) => hidden(lines, signed(lines), ["user_id"], { gone: true }),
    ],
  ];
  for (const [name, code, said, forge] of forgeries) {
    const { verdict } = await judged(it.org, { change: forge });
    assert.ok(!verdict.ok, `${name} was not found`);
    assert.deepEqual([name, verdict.finding.code], [name, code], verdict.finding.what);
    assert.match(verdict.finding.what, said, name);
  }
  assert.equal((await judged(it.org)).verdict.ok, true);
});

Deno.test("without private parts a yes is still held against the passkeys that entries name, and the rest is counted", async () => {
  await using countersign = await Countersign.start();
  const { it } = await answered(countersign);
  const bare = (lines: Line[]) => lines.map((line) => ({ ...line, private: null }));
  const set = (lines: Line[]) => placeOf(lines, "user.passkeys_set");
  const signed = (lines: Line[]) => placeOf(lines, "approval.decided", isSigned);
  const found: ((lines: Line[]) => Line[])[] = [
    (lines) => lines.toSpliced(set(lines), 1),
    (lines) => moved(lines, set(lines), signed(lines)),
  ];
  for (const forge of found) {
    const { verdict } = await judged(it.org, { change: (lines) => bare(forge(lines)) });
    assert.equal(verdict.ok ? "nothing" : verdict.finding.code, "passkey_unknown");
  }
  // Each part that is missing leaves that yes unchecked, and makes nothing wrong.
  const erased: ((lines: Line[]) => Line[])[] = [
    bare,
    (lines) => hidden(lines, signed(lines), ["assertion"]),
    (lines) => hidden(lines, signed(lines), ["user_id"]),
    (lines) => hidden(lines, set(lines), ["user_id"]),
    (lines) => hidden(lines, set(lines), ["passkeys"]),
    (lines) => hidden(lines, set(lines), ["user_id", "passkeys"]),
  ];
  for (const forge of erased) {
    const { verdict } = await judged(it.org, { change: forge });
    assert.ok(verdict.ok, verdict.ok ? "" : JSON.stringify(verdict.finding));
    assert.deepEqual(verdict.report.decisions, { checked: 0, unchecked: 1, byKey: 1 });
  }
});

Deno.test("a yes of a passkey that was removed, or came in the place of another, is found; one that stays is checked", async () => {
  await using countersign = await Countersign.start();
  const { it, user, passkey } = await answered(countersign);
  const second = await new AppUser("u1").enrol();
  // One more is put beside it: the first one is what it was.
  assert.equal((await it.passkeys("u1", [passkey, second])).status, 200);
  countersign.clock.advance(SECOND);
  const again = await it.ask({ reason: "once more" });
  assert.equal((await it.approve(again.nonce, user)).status, 200);
  countersign.clock.advance(SECOND);
  assert.equal((await it.passkeys("u1", [second])).status, 200);
  countersign.clock.advance(SECOND);
  const honest = await judged(it.org);
  assert.ok(honest.verdict.ok, honest.verdict.ok ? "" : JSON.stringify(honest.verdict.finding));
  assert.deepEqual(honest.verdict.report.decisions, { checked: 2, unchecked: 0, byKey: 1 });
  const removedBefore = await judged(it.org, {
    change: (lines) =>
      moved(
        lines,
        placeOf(lines, "user.passkeys_set"),
        placeOf(lines, "approval.decided", isSigned),
      ),
  });
  const { verdict } = removedBefore;
  assert.ok(!verdict.ok);
  assert.equal(verdict.finding.code, "passkey_unknown");
  assert.match(verdict.finding.what, /speaks for no user/);
});

Deno.test("an application's key that says yes for a user who has a passkey of their own is found", async () => {
  await using countersign = await Countersign.start();
  const { it } = await answered(countersign);
  assert.equal((await it.passkeys("u2", [await new AppUser("u2").enrol()])).status, 200);
  const forged = (change: (lines: Line[]) => Line[]) => judged(it.org, { change });
  const before = (lines: Line[]) =>
    moved(
      lines,
      placeOf(lines, "user.passkeys_set"),
      placeOf(lines, "approval.decided", (line) => !isSigned(line)),
    );
  const { verdict } = await forged(before);
  assert.ok(!verdict.ok);
  assert.equal(verdict.finding.code, "actor_not_entitled");
  assert.match(verdict.finding.what, /who has a passkey of their own/);
  assert.equal((await judged(it.org)).verdict.ok, true);
  // Where an entry does not show whose passkeys it sets, they may have been removed.
  const unclear = await forged((lines) => {
    const next = before(lines);
    const first = next.findIndex(({ entry }) => entry.type === "user.passkeys_set");
    return hidden(next, first, ["user_id", "passkeys"]);
  });
  assert.equal(unclear.verdict.ok, true);
});
