import { Buffer } from "node:buffer";
import { z } from "zod";
import { refreshTokenKey } from "../store/keys.ts";
import { MalformedRecord, parseRecord } from "../store/kv.ts";
import { SCOPES } from "../store/records/oauth.ts";
import { decrypt, encrypt, subkey } from "../store/sealing.ts";
import type { IssuedTokens } from "./issue_tokens.ts";

const PURPOSE = "refresh successor";

const issuedTokens = z.object({
  access_token: z.string(),
  access_expires_at: z.number(),
  refresh_token: z.string(),
  scopes: z.array(z.enum(SCOPES)),
});

/**
 * What a refresh token was exchanged for, sealed under a key that only who holds that token can
 * derive: the store alone gives no token away.
 * @param hash of the old token, under which its row lies
 */
export function sealSuccessor(
  old: string,
  hash: string,
  issued: IssuedTokens,
  random: (bytes: number) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  const plain = Buffer.from(JSON.stringify(issued));
  return new Uint8Array(encrypt(keyOf(old), plain, rowOf(hash), random));
}

/** @throws {MalformedRecord} when the row was altered */
export function openSuccessor(old: string, hash: string, sealed: Uint8Array): IssuedTokens {
  const key = refreshTokenKey(hash);
  const plain = decrypt(keyOf(old), sealed, rowOf(hash));
  if (plain === null) throw new MalformedRecord(key, "its successor does not open");
  return parseRecord(key, issuedTokens, JSON.parse(Buffer.from(plain).toString()));
}

function keyOf(token: string): Uint8Array {
  return subkey(Buffer.from(token), PURPOSE);
}

function rowOf(hash: string): Uint8Array {
  return Buffer.from(JSON.stringify(refreshTokenKey(hash)));
}
