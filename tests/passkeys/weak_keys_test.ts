import assert from "node:assert/strict";
import { isUsableKey, verifyByCoseKey } from "../../lib/passkeys/cose_key.ts";

const message = new TextEncoder().encode("what was approved");

/** A point of Ed25519 by the bytes that differ from the rest of it. */
function point(first: readonly number[], rest: number, last: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(rest);
  bytes.set(first);
  bytes[31] = last;
  return bytes;
}

const hex = (text: string) => Uint8Array.fromHex(text);

/** The points of small order, in each spelling; the sign of x is the top bit of the last byte. */
const SMALL_ORDER = [
  point([1], 0, 0),
  point([], 0, 0),
  point([0xec], 0xff, 0x7f),
  point([0xed], 0xff, 0x7f),
  point([0xee], 0xff, 0x7f),
  hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
];

function edKey(x: Uint8Array): Uint8Array {
  return Uint8Array.from([0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32, ...x]);
}

function rsaKey(n: Uint8Array, e: readonly number[]): Uint8Array {
  const length = [0x59, n.length >> 8, n.length & 0xff];
  return Uint8Array.from([
    ...[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, ...length, ...n],
    ...[0x21, 0x40 + e.length, ...e],
  ]);
}

Deno.test("attack: a passkey by whose key anybody signs anything is none", async () => {
  const anyones = new Uint8Array(64);
  anyones[0] = 1;
  for (const y of SMALL_ORDER) {
    for (const sign of [0, 0x80]) {
      const x = Uint8Array.from(y, (byte, at) => at === 31 ? byte | sign : byte);
      assert.equal(await isUsableKey(edKey(x)), false, x.toHex());
      for (let i = 0; i < 16; i++) {
        const text = Uint8Array.from([...message, i]);
        assert.equal(await verifyByCoseKey(edKey(x), text, anyones), false, x.toHex());
      }
    }
  }
});

Deno.test("attack: an RSA key that is short behind zeros, even, or of a small exponent is none", async () => {
  const pair = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
    },
    true,
    ["sign", "verify"],
  );
  const { n = "" } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const modulus = Uint8Array.fromBase64(n, { alphabet: "base64url" });
  const signature = new Uint8Array(
    await crypto.subtle.sign("RSASSA-PKCS1-v1_5", pair.privateKey, message),
  );
  const honest = rsaKey(modulus, [1, 0, 1]);
  assert.equal(await isUsableKey(honest), true);
  assert.equal(await verifyByCoseKey(honest, message, signature), true);
  const short = Uint8Array.from(modulus, (byte, at) => at < 128 ? 0 : byte);
  const even = Uint8Array.from(modulus, (byte, at) => at === 255 ? byte & 0xfe : byte);
  const bad = [
    ...[[1], [2], [3], [1, 0, 0], [0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 1]].map((e) =>
      rsaKey(modulus, e)
    ),
    rsaKey(short, [1, 0, 1]),
    rsaKey(even, [1, 0, 1]),
  ];
  for (const key of bad) {
    assert.equal(await isUsableKey(key), false, key.toHex());
    assert.equal(await verifyByCoseKey(key, message, signature), false, key.toHex());
  }
});
