import assert from "node:assert/strict";
import { logPrivateKey } from "../../lib/store/keys.ts";
import { CannotOpen, decrypt, encrypt, Sealer, subkey } from "../../lib/store/sealing.ts";
import { systemRandom } from "../../lib/store/system.ts";

const KEY = logPrivateKey("org_00000000000000000000000001", 7);
const OTHER = logPrivateKey("org_00000000000000000000000001", 8);
const WORDS = new TextEncoder().encode("what must be read back");
const SECRET = systemRandom(48);

const sealerOf = (secret: Uint8Array, previous: Uint8Array | null = null) =>
  new Sealer(secret, previous, systemRandom);

/** As every release before version 5 of the store sealed a row. */
const sealedBefore = (secret: Uint8Array, plain = WORDS) =>
  encrypt(
    subkey(secret, "store"),
    plain,
    new TextEncoder().encode(JSON.stringify(KEY)),
    systemRandom,
  );

Deno.test("encrypt() by ChaCha20-Poly1305 gives the bytes of RFC 8439 section 2.8.2", () => {
  const hex = Uint8Array.fromHex;
  const key = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const nonce = hex("070000004041424344454647");
  const associated = hex("50515253c0c1c2c3c4c5c6c7");
  const plain = new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
      "sunscreen would be it.",
  );
  const sealed = encrypt(key, plain, associated, () => nonce, "chacha20-poly1305");
  assert.equal(
    sealed.toHex(),
    nonce.toHex() +
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
      "3ff4def08e4b7a9de576d26586cec64b6116" +
      "1ae10b594f09e26a7e902ecbd0600691",
  );
  assert.deepEqual(decrypt(key, sealed, associated, "chacha20-poly1305"), plain);
  assert.equal(decrypt(key, sealed, associated), null, "no cipher opens what the other sealed");
});

Deno.test("a row that an earlier release sealed opens, under the current secret and the previous one", () => {
  const sealed = sealedBefore(SECRET);
  assert.deepEqual(sealerOf(SECRET).open(KEY, sealed), WORDS);
  const next = systemRandom(48);
  assert.deepEqual(sealerOf(next, SECRET).tryOpen(KEY, sealed), {
    plain: WORDS,
    under: "previous",
  });
  assert.equal(sealerOf(next).tryOpen(KEY, sealed), null);
  const moved = () => sealerOf(SECRET).open(OTHER, sealed);
  assert.throws(moved, CannotOpen);
  const empty = sealedBefore(SECRET, new Uint8Array(0));
  assert.deepEqual(sealerOf(SECRET).open(KEY, empty), new Uint8Array(0));
});

Deno.test("of a sealed row no bit can be changed, no byte cut off, and nothing moved to another row", () => {
  const sealer = sealerOf(SECRET);
  const sealed = sealer.seal(KEY, WORDS);
  assert.deepEqual(sealer.tryOpen(KEY, sealed), { plain: WORDS, under: "current" });
  assert.equal(sealer.tryOpen(OTHER, sealed), null);
  assert.equal(sealerOf(systemRandom(48)).tryOpen(KEY, sealed), null);
  for (const [at, byte] of sealed.entries()) {
    for (const bit of [1, 128]) {
      assert.equal(sealer.tryOpen(KEY, sealed.with(at, byte ^ bit)), null, `byte ${at}`);
    }
    assert.equal(sealer.tryOpen(KEY, sealed.subarray(0, at)), null, `${at} bytes`);
  }
  assert.notDeepEqual(sealer.seal(KEY, WORDS), sealed, "no two rows have one nonce");
  // Another key for each cipher: by the one of before nothing that is sealed now opens.
  const associated = new TextEncoder().encode(JSON.stringify(KEY));
  for (const cipher of ["aes-256-gcm", "chacha20-poly1305"] as const) {
    assert.equal(decrypt(subkey(SECRET, "store"), sealed, associated, cipher), null);
  }
});
