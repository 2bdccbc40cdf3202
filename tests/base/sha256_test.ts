import { sha256 as scriptedSha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/sha256.ts";

Deno.test("sha256() gives the digests of FIPS 180-4's examples", () => {
  const digests = {
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    abc: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq:
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  };
  for (const [text, digest] of Object.entries(digests)) {
    assert.equal(sha256(new TextEncoder().encode(text)).toHex(), digest);
  }
});

Deno.test("what hashes in a browser and what hashes in the service agree, at every length", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => at * 7 + length);
    assert.equal(scriptedSha256(bytes).toHex(), sha256(bytes).toHex());
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
    assert.equal(scriptedSha256(bytes).toHex(), sha256(bytes).toHex());
  }));
});
