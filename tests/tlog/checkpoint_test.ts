import assert from "node:assert/strict";
import {
  fromBase64,
  fromBase64Url,
  fromHex,
  toBase64,
  toBase64Url,
  toHex,
} from "../../lib/base/bytes.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { EMPTY_ROOT, sha256 } from "../../lib/base/sha256.ts";
import {
  formatNote,
  parseCheckpoint,
  parseNote,
  signCheckpoint,
  verifySignature,
} from "../../lib/tlog/checkpoint.ts";
import {
  ed25519KeyPair,
  importPrivateKey,
  jwkThumbprint,
  type LogKey,
  logKey,
  logOrigin,
  noteKeyId,
  orgOfOrigin,
  parseLogKeys,
  publishedLogKey,
  signEd25519,
  verifyEd25519,
} from "../../lib/tlog/log_key.ts";
import { signRotation, verifyRotation } from "../../lib/tlog/rotation.ts";
import {
  checkpointOf,
  checkpointTextOf,
  logOf,
  ORG,
  ORIGIN,
  signerOf,
} from "../helpers/signed_log.ts";

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(fromHex(hex) ?? assert.fail(`Not hex: ${hex}`));
}

Deno.test("ed25519KeyPair() and signEd25519() give the first vector of RFC 8032", async () => {
  const pair = await ed25519KeyPair(
    bytesOf("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
  );
  assert.equal(
    toHex(fromBase64Url(pair.x) ?? assert.fail()),
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  );
  const empty = await signEd25519(await importPrivateKey(pair), new Uint8Array(0));
  assert.equal(
    toHex(empty),
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
});

Deno.test("verifyEd25519() is true for this key, message and signature only", async () => {
  const pair = (await signerOf(2)).key.publicKey;
  const { key, privateKey } = await signerOf(1);
  const message = new TextEncoder().encode("message");
  const signature = await signEd25519(privateKey, message);
  assert.ok(await verifyEd25519(key.publicKey, message, signature));
  assert.ok(!await verifyEd25519(key.publicKey, message, signature.slice(1)));
  assert.ok(!await verifyEd25519(pair, message, signature));
});

Deno.test("ed25519KeyPair() refuses a seed of the wrong length", async () => {
  await assert.rejects(ed25519KeyPair(new Uint8Array(31)), RangeError);
});

Deno.test("verifyEd25519() is false when the key is no point of the curve", async () => {
  const message = new TextEncoder().encode("message");
  for (const fill of [0x00, 0x02, 0xff]) {
    const x = toBase64Url(new Uint8Array(32).fill(fill));
    const jwk = { kty: "OKP", crv: "Ed25519", x } as const;
    assert.ok(!await verifyEd25519(jwk, message, new Uint8Array(64).fill(1)));
  }
});

Deno.test("jwkThumbprint() gives the example of RFC 8037", () => {
  const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
  assert.equal(
    jwkThumbprint({ kty: "OKP", crv: "Ed25519", x }),
    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
  );
});

Deno.test("fromBase64() reads only what toBase64() writes", () => {
  for (const length of [0, 1, 2, 3, 32]) {
    const bytes = sha256(new Uint8Array(0)).slice(0, length);
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
    assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
  }
  for (const wrong of ["AA", "AA=", "AB==", " AA==", "AA==\n", "A===", "====", "__8="]) {
    assert.equal(fromBase64(wrong), null, wrong);
  }
  for (const wrong of ["A", "AB", "AA==", "++8"]) assert.equal(fromBase64Url(wrong), null, wrong);
});

Deno.test("orgOfOrigin() reads what logOrigin() writes", () => {
  assert.equal(orgOfOrigin(logOrigin("host:8080", "org_1")), "org_1");
  for (const wrong of ["host", "/log/org_1", "host/log/"]) assert.equal(orgOfOrigin(wrong), null);
});

Deno.test("noteKeyId() gives that of a published note", () => {
  // The example of C2SP tlog-checkpoint has no key; this is sum.golang.org's well-known one.
  const vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
  const [name = "", id, key = ""] = vkey.split(/\+(.{8})\+/);
  const bytes = fromBase64(key) ?? assert.fail();
  const x = toBase64Url(bytes.slice(1));
  assert.equal(noteKeyId(logKey(name, { kty: "OKP", crv: "Ed25519", x })), id);
});

async function readAndVerified(note: string, keys: readonly LogKey[]) {
  const parsed = parseCheckpoint(note);
  if (!parsed.ok) return parsed;
  const signature = await verifySignature(parsed.checkpoint, keys);
  return signature.ok ? { ...parsed, key: signature.key } : signature;
}

Deno.test("signCheckpoint() writes a note that verifySignature() accepts", async () => {
  const lines = logOf(3);
  const signer = await signerOf(1);
  const note = await checkpointOf(lines, signer);
  assert.match(
    note,
    /^countersign\.example\/log\/org_\w{26}\n3\n[\w+/]{43}=\n\n\u2014 countersign\.example\/log\/org_\w{26} [\w+/]{91}=\n$/,
  );
  assert.ok(note.startsWith(checkpointTextOf(lines)));
  const verified = await readAndVerified(note, [(await signerOf(2)).key, signer.key]);
  assert.ok(verified.ok);
  assert.equal(verified.checkpoint.size, 3);
  assert.equal(verified.checkpoint.origin, ORIGIN);
  assert.equal(verified.key.kid, signer.key.kid);
});

Deno.test("signCheckpoint() refuses another log's key and values that are no checkpoint", async () => {
  const signer = await signerOf(1);
  const good = { origin: ORIGIN, size: 0, rootHash: EMPTY_ROOT };
  for (
    const wrong of [
      { origin: "other.example/log/org_1" },
      { size: -1 },
      { size: 0.5 },
      { rootHash: new Uint8Array(31) },
    ]
  ) {
    await assert.rejects(signCheckpoint({ ...good, ...wrong }, signer), RangeError);
  }
});

Deno.test("verifySignature() says why a signature is worth nothing", async () => {
  const lines = logOf(3);
  const [signer, stranger] = [await signerOf(1), await signerOf(9)];
  const elsewhere = await signerOf(1, "countersign.example/log/org_other");
  const note = await checkpointOf(lines, signer);
  const codeOf = async (text: string, keys = [signer.key]) => {
    const verified = await readAndVerified(text, keys);
    return verified.ok ? "ok" : verified.code;
  };
  assert.equal(await codeOf(note), "ok");
  assert.equal(await codeOf(note.replace("\n3\n", "\n4\n")), "bad_signature");
  assert.equal(await codeOf(note, [stranger.key]), "unpinned_key");
  assert.equal(await codeOf(note, [elsewhere.key]), "origin_mismatch");
  assert.equal(await codeOf(note, []), "origin_mismatch");
  assert.equal(await codeOf(await checkpointOf(lines, stranger)), "unpinned_key");
});

Deno.test("verifySignature() ignores unknown signatures, and no failing one of a pinned key", async () => {
  const lines = logOf(3);
  const [signer, witness] = [await signerOf(1), await signerOf(8, "witness.example/w")];
  const text = checkpointTextOf(lines);
  const sign = async (by: typeof signer, message: string) => ({
    name: by.key.origin,
    keyId: noteKeyId(by.key),
    signature: await signEd25519(by.privateKey, new TextEncoder().encode(message)),
  });
  const good = await sign(signer, text);
  const cosigned = formatNote(text, [await sign(witness, text), good]);
  assert.ok((await readAndVerified(cosigned, [signer.key])).ok);
  const contradicting = formatNote(text, [good, await sign(signer, "another text\n")]);
  const refused = await readAndVerified(contradicting, [signer.key]);
  assert.equal(refused.ok ? "ok" : refused.code, "bad_signature");
  // The right key ID under another log's name is another key.
  const renamed = formatNote(text, [{ ...good, name: "witness.example/w" }]);
  const unknown = await readAndVerified(renamed, [signer.key]);
  assert.equal(unknown.ok ? "ok" : unknown.code, "unpinned_key");
});

Deno.test("parseCheckpoint() lets extension lines through", async () => {
  const signer = await signerOf(1);
  const text = checkpointTextOf(logOf(2)) + "extension\n";
  const signature = await signEd25519(signer.privateKey, new TextEncoder().encode(text));
  const note = formatNote(text, [{ name: ORIGIN, keyId: noteKeyId(signer.key), signature }]);
  assert.ok((await readAndVerified(note, [signer.key])).ok);
});

Deno.test("parseCheckpoint() refuses every other spelling", async () => {
  const note = await checkpointOf(logOf(12), await signerOf(1));
  const root = note.split("\n")[2] ?? "";
  const changed: [string, string][] = [
    ["malformed_note", note.slice(0, -1)],
    ["malformed_note", note.replaceAll("\n", "\r\n")],
    ["malformed_note", note.replace("\n\n", "\n")],
    ["malformed_note", note.replace("\u2014", "-")],
    ["malformed_note", note.replace("\u2014 ", "\u2014  ")],
    ["malformed_note", note.replace("\n12\n", "\n12\t\n")],
    ["malformed_note", note.replace("\n12\n", "\n12\ud800\n")],
    ["malformed_note", note + "\n"],
    ["malformed_note", note + "trailing\n"],
    ["malformed_note", note.replace(/=\n$/, "\n")],
    ["malformed_note", note + note.slice(note.indexOf("\u2014")).repeat(600)],
    ["malformed_checkpoint", note.replace("\n12\n", "\n012\n")],
    ["malformed_checkpoint", note.replace("\n12\n", "\n+12\n")],
    ["malformed_checkpoint", note.replace("\n12\n", "\n12 \n")],
    ["malformed_checkpoint", note.replace("\n12\n", "\n9007199254740992\n")],
    ["malformed_checkpoint", note.replace("\n12\n", "\n")],
    ["malformed_checkpoint", note.replace(root, root.slice(0, -1))],
    ["malformed_checkpoint", note.replace(root, toBase64(new Uint8Array(31)))],
    ["malformed_checkpoint", note.replace(root + "\n", root + "\n\nmore\n")],
    ["malformed_checkpoint", note.replace(ORIGIN, "two words")],
    ["malformed_checkpoint", "\n" + note],
  ];
  for (const [code, text] of changed) {
    const parsed = parseCheckpoint(text);
    assert.equal(parsed.ok ? "ok" : parsed.code, code, JSON.stringify(text.slice(0, 200)));
  }
});

Deno.test("parseNote() keeps blank lines of the text apart from the last", () => {
  const signature = { name: "name", keyId: "01020304", signature: new Uint8Array(64) };
  const parsed = parseNote(formatNote("one\n\ntwo\n", [signature]));
  assert.ok(parsed.ok);
  assert.equal(parsed.note.text, "one\n\ntwo\n");
  assert.deepEqual(parsed.note.signatures, [signature]);
});

Deno.test("parseLogKeys() reads what publishedLogKey() writes", async () => {
  const { key } = await signerOf(1);
  const successor = (await signerOf(2)).key.kid;
  const retirement = { size: 7, at: "2026-01-31T12:00:07.000Z", successor };
  for (
    const written of [
      key,
      { ...key, status: "retired" as const, retirement },
      { ...key, status: "retired" as const, retirement: { ...retirement, at: null } },
      { ...key, status: "retired" as const },
    ]
  ) {
    const published = { ...publishedLogKey(written) };
    assert.deepEqual(parseLogKeys({ keys: [published] }), { ok: true, keys: [written] });
  }
});

Deno.test("parseLogKeys() reads keys that were published before they told of their end", async () => {
  const { key } = await signerOf(1);
  const { retired_size: _s, retired_at: _a, successor: _n, ...published } = publishedLogKey(key);
  const parsed = parseLogKeys({
    keys: [published, { ...published, origin: "a/log/b", status: "retired" }],
  });
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.keys.map(({ status, retirement }) => [status, retirement]), [
    ["active", null],
    ["retired", null],
  ]);
});

Deno.test("parseLogKeys() refuses keys that do not say what they are", async () => {
  const key: JsonObject = { ...publishedLogKey((await signerOf(1)).key) };
  const other = publishedLogKey((await signerOf(2)).key);
  const { origin: _, ...withoutOrigin } = key;
  const sets = [
    null,
    [],
    { keys: [] },
    { keys: [1] },
    { keys: [key, key] },
    { keys: [{ ...key, kid: other.kid }] },
    { keys: [{ ...key, d: "secret" }] },
    { keys: [{ ...key, kty: "EC" }] },
    { keys: [{ ...key, x: "AAAA" }] },
    { keys: [{ ...key, use: "enc" }] },
    { keys: [{ ...key, status: "unknown" }] },
    { keys: [{ ...key, origin: "two words" }] },
    { keys: [{ ...key, retired_size: 4, successor: other.kid }] },
    { keys: [{ ...key, status: "retired", retired_size: 4 }] },
    { keys: [{ ...key, status: "retired", successor: other.kid }] },
    { keys: [{ ...key, status: "retired", retired_size: -1, successor: other.kid }] },
    { keys: [{ ...key, status: "retired", retired_size: "4", successor: other.kid }] },
    { keys: [{ ...key, status: "retired", retired_size: 4, successor: key.kid ?? null }] },
    { keys: [{ ...key, status: "retired", retired_size: 4, successor: "abc" }] },
    {
      keys: [{
        ...key,
        ...{ status: "retired", retired_size: 4, successor: other.kid, retired_at: "2026" },
      }],
    },
    { keys: [withoutOrigin] },
  ];
  for (const set of sets) assert.ok(!parseLogKeys(set).ok, JSON.stringify(set));
});

Deno.test("verifyRotation() accepts what both keys signed, and gives the new key", async () => {
  const [old, next] = [await signerOf(1), await signerOf(2)];
  const rotation = await signRotation(old, next);
  assert.deepEqual(await verifyRotation({ ...rotation }, old.key), { ok: true, newKey: next.key });
});

Deno.test("verifyRotation() refuses a statement that one of the keys did not sign", async () => {
  const [old, next, third] = [await signerOf(1), await signerOf(2), await signerOf(3)];
  const other = await signerOf(1, logOrigin("countersign.example", `${ORG}x`));
  const rotation = await signRotation(old, next);
  const stolen = await signRotation(third, next);
  const elsewhere = await signRotation(other, await signerOf(2, other.key.origin));
  const codeOf = async (changes: JsonObject, key = old.key) => {
    const result = await verifyRotation({ ...rotation, ...changes }, key);
    return result.ok ? "ok" : result.code;
  };
  assert.equal(await codeOf({}), "ok");
  assert.equal(
    await codeOf({ signature_by_old: stolen.signature_by_old }),
    "bad_old_signature",
  );
  assert.equal(
    await codeOf({ signature_by_new: rotation.signature_by_old }),
    "bad_new_signature",
  );
  assert.equal(await codeOf({ new_key: { ...third.key.publicKey } }), "bad_old_signature");
  assert.equal(await codeOf({ ...elsewhere }), "bad_old_signature");
  assert.equal(await codeOf({}, third.key), "other_old_key");
  assert.equal(await codeOf({ new_key: null }), "malformed_rotation");
  assert.equal(await codeOf({ signature_by_old: "!" }), "malformed_rotation");
});

Deno.test("signRotation() refuses the same key, and a key of another log", async () => {
  const old = await signerOf(1);
  await assert.rejects(signRotation(old, old), RangeError);
  await assert.rejects(signRotation(old, await signerOf(2, "other/log/org_1")), RangeError);
});
