import canonicalize from "canonicalize";
import fc from "fast-check";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as page from "../../islands/signing.ts";
import { viewDigest } from "../../lib/approvals/frozen_view.ts";
import { actionDigest } from "../../lib/decisions/decide.ts";
import { challengeBytes, challengeText, noteDigest } from "../../lib/passkeys/challenge.ts";
import {
  type ApprovalFacts,
  approvalStatement,
  ceremonyStatement,
  type ConsentFacts,
  consentStatement,
  type Statement,
  statementBytes,
} from "../../lib/passkeys/statement.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { PROJECT } from "../helpers/project_files.ts";

const text = fc.string({ unit: "grapheme" });
const facts: fc.Arbitrary<ApprovalFacts> = fc.record({
  issuer: fc.webUrl(),
  org: text,
  approval: text,
  level: fc.constantFrom(1, 2),
  action_digest: text,
  view_digest: text,
  member: text,
  note_digest: fc.option(text),
  nonce: text,
  issued_at: text,
  expires_at: text,
  use_before: text,
});
const consent: fc.Arbitrary<ConsentFacts> = fc.record({
  issuer: fc.webUrl(),
  nonce: text,
  client_id: text,
  redirect_uri: text,
  scopes: fc.array(text),
  orgs: fc.array(text),
  code_challenge: text,
  resource: text,
});
const statement: fc.Arbitrary<Statement> = fc.oneof(
  facts.map(approvalStatement),
  consent.map(consentStatement),
  fc.tuple(fc.constantFrom("sign-in", "step-up", "enrolment"), fc.webUrl(), text)
    .map(([purpose, issuer, nonce]) => ceremonyStatement(purpose, issuer, nonce)),
);
const fixed: ApprovalFacts = {
  issuer: "https://countersign.example",
  org: "org_1",
  approval: "apr_1",
  level: 1,
  action_digest: "sha256:aa",
  view_digest: "sha256:bb",
  member: "usr_1",
  note_digest: null,
  nonce: "AAAA",
  issued_at: "2026-01-31T12:00:00.000Z",
  expires_at: "2026-01-31T12:05:00.000Z",
  use_before: "2026-01-31T12:20:00.000Z",
};
const consented: ConsentFacts = {
  issuer: "https://countersign.example",
  nonce: "AAAA",
  client_id: "ocl_1",
  redirect_uri: "http://localhost/done",
  scopes: ["mcp:write", "mcp:read"],
  orgs: ["org_2", "org_1"],
  code_challenge: "cc",
  resource: "https://countersign.example/mcp",
};

Deno.test("approvalStatement() has the members of version 1 and no others", () => {
  const signed = approvalStatement({ ...fixed, ...{ extra: "dropped" } });
  assert.equal(
    new TextDecoder().decode(statementBytes(signed)),
    '{"action_digest":"sha256:aa","approval":"apr_1","decision":"approve",' +
      '"expires_at":"2026-01-31T12:05:00.000Z","issued_at":"2026-01-31T12:00:00.000Z",' +
      '"issuer":"https://countersign.example","level":1,"member":"usr_1","nonce":"AAAA",' +
      '"note_digest":null,"org":"org_1","type":"countersign.approval-decision",' +
      '"use_before":"2026-01-31T12:20:00.000Z","v":1,"view_digest":"sha256:bb"}',
  );
});

Deno.test("ceremonyStatement() says what it is for, so that none passes for another", () => {
  const of = (purpose: Parameters<typeof ceremonyStatement>[0]) =>
    challengeText(ceremonyStatement(purpose, "https://countersign.example", "AAAA"));
  assert.deepEqual(ceremonyStatement("step-up", "https://countersign.example", "AAAA"), {
    v: 1,
    type: "countersign.step-up",
    issuer: "https://countersign.example",
    nonce: "AAAA",
  });
  const challenges = [
    of("sign-in"),
    of("step-up"),
    of("enrolment"),
    challengeText(consentStatement(consented)),
    challengeText(approvalStatement(fixed)),
  ];
  assert.equal(new Set(challenges).size, 5);
});

Deno.test("consentStatement() has the members of version 1, with scopes and orgs in order", () => {
  const signed = consentStatement({ ...consented, ...{ state: "dropped" } });
  assert.equal(
    new TextDecoder().decode(statementBytes(signed)),
    '{"client_id":"ocl_1","code_challenge":"cc","issuer":"https://countersign.example",' +
      '"nonce":"AAAA","orgs":["org_1","org_2"],"redirect_uri":"http://localhost/done",' +
      '"resource":"https://countersign.example/mcp","scopes":["mcp:read","mcp:write"],' +
      '"type":"countersign.consent","v":1}',
  );
  const reversed = { scopes: consented.scopes.toReversed(), orgs: consented.orgs.toReversed() };
  assert.deepEqual(consentStatement({ ...consented, ...reversed }), signed);
});

Deno.test("challengeText() changes with every member of a consent statement", () => {
  const challenges = Object.entries(consented).map(([name, value]) => {
    const other = typeof value === "string" ? "other" : [...value.slice(1)];
    return challengeText(consentStatement({ ...consented, [name]: other }));
  });
  const all = new Set([challengeText(consentStatement(consented)), ...challenges]);
  assert.equal(all.size, Object.keys(consented).length + 1);
});

Deno.test("challengeText() is the SHA-256 of the canonical statement, by an independent JCS", () => {
  fc.assert(fc.property(statement, (signed) => {
    const jcs = canonicalize(signed) ?? assert.fail();
    assert.equal(new TextDecoder().decode(statementBytes(signed)), jcs);
    assert.equal(
      challengeText(signed),
      createHash("sha256").update(jcs).digest("base64url"),
    );
  }));
});

Deno.test("challengeText() changes with every member of an approval statement", () => {
  const other: ApprovalFacts = { ...fixed, level: 2, note_digest: "sha256:cc" };
  const challenges = Object.keys(fixed).map((name) => {
    const change = name === "level" || name === "note_digest"
      ? { [name]: other[name] }
      : { [name]: "other" };
    return challengeText(approvalStatement({ ...fixed, ...change }));
  });
  const all = new Set([challengeText(approvalStatement(fixed)), ...challenges]);
  assert.equal(all.size, Object.keys(fixed).length + 1);
});

Deno.test("the page computes the same challenges and digests as the server", async () => {
  await fc.assert(
    fc.asyncProperty(statement, jsonObject, text, text, async (signed, object, org, tool) => {
      assert.equal(await page.challengeText(signed), challengeText(signed));
      assert.deepEqual(await page.challengeBytes(signed), challengeBytes(signed));
      assert.equal(await page.viewDigest(object), viewDigest(object));
      const action = { tenant: null, resource: org, tool, method: tool, arguments: object };
      assert.equal(await page.actionDigest(org, action), actionDigest(org, action));
      assert.equal(await page.noteDigest(tool), noteDigest(tool));
    }),
  );
});

Deno.test("noteDigest() takes a note as it was typed, whichever line ends a form gives it", async () => {
  const typed = " Called Ana\nShe agrees \n";
  const digest = createHash("sha256").update(typed).digest("hex");
  for (const note of [typed, typed.replaceAll("\n", "\r\n"), typed.replaceAll("\n", "\r")]) {
    assert.equal(noteDigest(note), `sha256:${digest}`);
    assert.equal(await page.noteDigest(note), `sha256:${digest}`);
  }
  for (const none of [null, ""]) {
    assert.equal(noteDigest(none), null);
    assert.equal(await page.noteDigest(none), null);
  }
});

Deno.test("what the page computes with imports nothing of the server", async () => {
  const seen = new Set<string>();
  const visit = async (url: URL) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = await Deno.readTextFile(url);
    for (
      const [, from = ""] of source.matchAll(/^(?:import|export) (?!type)[^;]*? from "(.+)";$/gm)
    ) {
      // What asks the browser for a signature computes nothing.
      if (from === "@simplewebauthn/browser") continue;
      assert.ok(from.startsWith("."), `${url.pathname} imports ${from}`);
      await visit(new URL(from, url));
    }
  };
  await visit(new URL("islands/signing.ts", PROJECT));
  assert.ok(seen.size > 3);
});
