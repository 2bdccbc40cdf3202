import assert from "node:assert/strict";
import type { JsonObject } from "../../lib/base/json.ts";
import { listReceiptKeys, receiptSigner } from "../../lib/receipts/receipt_keys.ts";
import { type SignedJws, signReceipt } from "../../lib/receipts/jws.ts";
import {
  parseReceiptKeys,
  parseSignedReceipt,
  signatureFinding,
  type SignedReceipt,
  signedVerdict,
} from "../../lib/verify/signed_receipt.ts";
import { verifyLog } from "../../lib/verify/verify_log.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { checkpointNote, exportText, parsedNote, publishedKeys } from "../helpers/evidence.ts";
import { checked } from "../helpers/mandates.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { eventful, payloadOf, receiptedEntries, receiptPath } from "../helpers/receipts.ts";

function parsed(value: JsonObject): SignedReceipt {
  const read = parseSignedReceipt(value);
  assert.ok(read.ok, read.ok ? "" : read.message);
  return read.receipt;
}

async function keysOf(org: TestOrg) {
  const { body } = await org.get(`/.well-known/countersign/receipt-keys/${org.id}`);
  const read = parseReceiptKeys(body);
  assert.ok(read.ok, read.ok ? "" : read.message);
  return read.keys;
}

/** An org with every kind of receipt, of before and after a rotation. */
async function rotated(countersign: Countersign) {
  const org = await eventful(countersign);
  const entries = (await receiptedEntries(countersign, org)).map(({ entry }) => entry);
  const get = async (entry: { id: string }): Promise<JsonObject> =>
    (await org.get(receiptPath(entry), org.management)).body;
  const answers = await Promise.all(entries.map(get));
  await org.post("/v1/receipts/rotate-key", {}, org.management);
  countersign.clock.advance(5);
  answers.push(await get({ id: (await checked(org, null)).decision_id }));
  return { org, answers };
}

Deno.test("every receipt is signed by a key of its time and is what the log says, by an export alone", async () => {
  await using countersign = await Countersign.start();
  const { org, answers } = await rotated(countersign);
  const receipts = answers.map(parsed);
  const keys = await keysOf(org);
  for (const receipt of receipts) assert.equal(await signatureFinding(receipt, keys), null);
  const [text, note] = [await exportText(org), await checkpointNote(org)];
  const pinnedKeys = (await publishedKeys(org)).keys;
  const verdict = async (receipts: readonly SignedReceipt[], export_ = text) => {
    const said = await verifyLog({
      chunks: ReadableStream.from([new TextEncoder().encode(export_)]),
      checkpoint: parsedNote(note),
      previous: null,
      pinnedKeys,
      receipts,
    });
    return said.ok ? said.report.receipts.length : said.finding.code;
  };
  assert.equal(await verdict(receipts), answers.length);

  // Whoever has the private key signs what they like, and cannot put it into the log.
  const { deps } = countersign.services;
  const [first = assert.fail("no key")] = await listReceiptKeys(deps.kv, org.id);
  const [answer = {}] = answers.slice(5);
  const claims = payloadOf(answer.receipt as never) as never as JsonObject;
  const forged = (changes: JsonObject) =>
    parsed({
      ...signReceipt(
        { ...claims, ...changes } as never,
        receiptSigner(deps, org.id, first),
        "allowly-5",
      ) as SignedJws,
    });
  const place = (claims.context as { countersign: JsonObject }).countersign;
  const other = (changes: JsonObject) => ({ context: { countersign: { ...place, ...changes } } });
  for (
    const changes of [
      { decision: "deny" },
      { action: "wipe" },
      { resource: "order-8" },
      { authorization_id: null },
      { receipt_id: "rcp_01kdvdna00e000000000000000" },
      { issued_at: "2026-01-01T00:00:00.001Z" },
      other({ leaf_hash: "0".repeat(64) }),
      other({ index: 1 }),
    ]
  ) assert.equal(await verdict([forged(changes)]), "receipt_mismatch", JSON.stringify(changes));
  assert.equal(await verdict([forged(other({ index: 10_000 }))]), "receipt_not_included");
  assert.equal(await signatureFinding(forged({ decision: "deny" }), keys), null);
});

Deno.test("attack: a receipt signed by its own key that claims anything but what the log says", async () => {
  await using countersign = await Countersign.start();
  const { org, answers } = await rotated(countersign);
  const { deps } = countersign.services;
  const pinnedKeys = (await publishedKeys(org)).keys;
  const auditor = await org.key("standard", { audit_private: true });
  const checkpoint = parsedNote(await checkpointNote(org));
  const text = await exportText(org, auditor);
  const [key = assert.fail("no key")] = await listReceiptKeys(deps.kv, org.id);
  const said = async (claims: JsonObject) => {
    const signer = receiptSigner(deps, org.id, key);
    const receipts = [
      parsed({ ...signReceipt(claims as never, signer, "allowly-5") as SignedJws }),
    ];
    const chunks = ReadableStream.from([new TextEncoder().encode(text)]);
    const verdict = await verifyLog({ chunks, checkpoint, previous: null, pinnedKeys, receipts });
    return verdict.ok ? "ok" : `${verdict.finding.code} ${verdict.finding.what}`;
  };
  // Of each kind of receipt one, and of that every claim another, gone, or one more.
  const kinds = new Map<string, JsonObject>();
  for (const { receipt } of answers.slice(0, -1)) {
    const claims = payloadOf(receipt as never);
    kinds.set(`${claims.event ?? "check"} ${claims.decision}`, claims);
  }
  assert.ok(kinds.size >= 9, [...kinds.keys()].join());
  const other = (value: unknown) =>
    typeof value === "number" ? value + 1 : typeof value === "string" ? `${value}x` : "x";
  for (const [kind, claims] of kinds) {
    assert.equal(await said(claims), "ok", kind);
    const context = claims.context as JsonObject;
    const terms = claims.policy_ref as JsonObject | null;
    const changes: JsonObject[] = ["user_id", "agent_id", "decision", "reason", "resource"]
      .map((name) => ({ [name]: other(claims[name]) }));
    for (const [name, value] of Object.entries(context)) {
      if (name === "countersign") continue;
      const { [name]: _gone, ...rest } = context;
      changes.push({ context: { ...context, [name]: other(value) } }, { context: rest });
    }
    for (const name of Object.keys(terms ?? {})) {
      changes.push({ policy_ref: { ...terms, [name]: other(terms?.[name]) } });
    }
    changes.push({ context: { ...context, more: 1 } }, { policy_ref: null }, { more: 1 });
    for (const change of changes.filter(({ policy_ref }) => policy_ref !== terms)) {
      const wrong = await said({ ...claims, ...change });
      assert.match(wrong, /^receipt_mismatch /, `${kind} ${JSON.stringify(change)}`);
    }
  }
});

Deno.test("a changed signature, another key and a time outside of its window are found", async () => {
  await using countersign = await Countersign.start();
  const { org, answers } = await rotated(countersign);
  const keys = await keysOf(org);
  const [one = assert.fail("none")] = answers.map(parsed);
  const last = parsed(answers.at(-1) ?? {});
  const code = async (receipt: SignedReceipt, known = keys) =>
    (await signatureFinding(receipt, known))?.code ?? null;
  assert.equal(await code({ ...one, signature: last.signature }), "receipt_unsigned");
  assert.equal(await code({ ...one, issued_at: last.issued_at }), "key_retired");
  assert.equal(await code({ ...last, issued_at: one.issued_at }), "key_retired");
  assert.equal(await code(last, keys.slice(0, 1)), "unpinned_key");
});

Deno.test("a verdict in words says what is wrong, and takes no keys of another organization", async () => {
  await using countersign = await Countersign.start();
  const { org, answers } = await rotated(countersign);
  const { body } = await org.get(`/.well-known/countersign/receipt-keys/${org.id}`);
  const [one = {}] = answers;
  const said = async (receipt: JsonObject, keys: JsonObject) => {
    const { tone, says } = await signedVerdict(receipt, keys);
    return `${tone}: ${says}`;
  };
  assert.match(await said(one, body), /^success: A key of its time/);
  assert.match(await said(one, { ...body, workspace_id: "org_x" }), /^danger: .*another org/);
  assert.match(await said(one, { ...body, keys: [] }), /^danger: .*none of the 0 known/);
  assert.match(await said(one, {}), /^danger: Keys are not/);
  assert.match(await said({}, body), /^danger: Receipt has other members/);
});

Deno.test("what is no receipt of this form is refused, and says why", () => {
  const b64 = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const jws = { protected: b64({}), payload: b64({}), signature: "A".repeat(86) };
  for (
    const [value, said] of [
      [null, /no JSON|not a JSON/],
      [{ schema_version: "4" }, /allowly-4/],
      [{ ...jws, more: 1 }, /other members/],
      [{ ...jws, payload: "=" }, /Base64url/],
      [jws, /header/],
      [{ ...jws, protected: b64({ alg: "none", typ: "allowly-receipt+jws", kid: "k" }) }, /alg/],
    ] as const
  ) {
    const read = parseSignedReceipt(value as never);
    assert.ok(!read.ok);
    assert.match(read.message, said);
  }
});

Deno.test("verify.ts takes a receipt with its keys, and beside an export", async () => {
  await using countersign = await Countersign.start();
  const { org, answers } = await rotated(countersign);
  const folder = await Deno.makeTempDir();
  try {
    const keys = await org.get(`/.well-known/countersign/receipt-keys/${org.id}`);
    const files = {
      "log.ndjson": await exportText(org),
      "checkpoint": await checkpointNote(org),
      "keys.json": (await publishedKeys(org)).text,
      "receipt-keys.json": keys.text,
      "one.json": JSON.stringify(answers[0]),
      "last.json": JSON.stringify(answers.at(-1)?.receipt),
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const run = async (args: string) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--config",
          new URL("deno.json", PROJECT).pathname,
          "--allow-read",
          new URL("verify.ts", PROJECT).pathname,
          ...args.split(" "),
        ],
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
      return `${code} ${new TextDecoder().decode(stdout)}${new TextDecoder().decode(stderr)}`;
    };
    assert.match(await run("--receipt one.json --keys receipt-keys.json"), /^0 OK: the receipt/);
    const log = "log.ndjson --checkpoint checkpoint --keys keys.json";
    assert.match(
      await run(`${log} --receipt one.json --receipt last.json`),
      /^0 OK: the log(.|\n)*receipt +rcp_/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
