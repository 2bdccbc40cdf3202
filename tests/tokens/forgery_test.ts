import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { canonicalJson } from "../../lib/base/canonical.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { runTokenKey, type StoreKey, tokenKeyPrefix } from "../../lib/store/keys.ts";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import {
  checksummed,
  consume,
  entriesOf,
  forged,
  minted,
  orgWithTransfer,
  parts,
  TRANSFER,
  verify,
} from "../helpers/minted_tokens.ts";
import { assertProblem } from "../helpers/refused.ts";
import { setAsAnotherNode } from "../helpers/stored_log.ts";

async function assertNoToken(org: TestOrg, text: string, attack: string): Promise<void> {
  const got = await consume(org, text);
  assert.equal(`${got.status} ${got.body.code}`, "400 token_invalid", attack);
  assert.deepEqual((await verify(org, text)).body, { valid: false, code: "token_invalid" }, attack);
}

Deno.test("altered claims are refused, each and every one", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const { claims, mac } = parts(token);
  for (const name of Object.keys(claims)) {
    const value = claims[name];
    const altered = typeof value === "number" ? value + 1 : `${value ?? ""}x`;
    await assertNoToken(org, forged({ ...claims, [name]: altered }, mac), name);
    const { [name]: _, ...without } = claims;
    await assertNoToken(org, forged(without, mac), `without ${name}`);
  }
  await assertNoToken(org, forged({ ...claims, more: 1 }, mac), "a claim more");
  assert.equal((await consume(org, token)).status, 200);
});

Deno.test("the signature of another token is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const one = await minted(org);
  const two = await minted(org, { ...TRANSFER, arguments: { amount: 1_000_000 } });
  await assertNoToken(org, forged(parts(two.token).claims, parts(one.token).mac), "swapped");
});

Deno.test("a token of another org is refused, whoever presents it", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const other = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  await assertNoToken(other, token, "another org's");
  const { claims, mac } = parts(token);
  await assertNoToken(other, forged({ ...claims, org: other.id }, mac), "renamed");
  assert.equal((await consume(org, token)).status, 200);
});

Deno.test("truncated, padded and re-spelled tokens are refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  const body = token.slice(0, -7);
  const last = body.at(-1) ?? "";
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // 32 bytes leave two bits of the last character unused: four characters spell the same byte.
  const at = alphabet.indexOf(last);
  const twin = alphabet[at ^ 1] ?? "";
  const attacks: Record<string, string> = {
    empty: "",
    "a prefix alone": "cs_run_",
    "the checksum cut off": body,
    "the last character cut off": token.slice(0, -1),
    "the signature cut off": checksummed(body.slice(0, body.indexOf("."))),
    "an empty signature": checksummed(body.slice(0, body.indexOf(".") + 1)),
    "a signature of half the length": checksummed(body.slice(0, -21)),
    "the same signature spelled otherwise": checksummed(body.slice(0, -1) + twin),
    "base64 padding": checksummed(body.replace(".", "=.")),
    "a wrong checksum": `${body}0000000`,
    "upper case": token.toUpperCase(),
    "white space behind": `${token} `,
    "a line feed behind": `${token}\n`,
    "another prefix": checksummed(body.replace("cs_run_", "cs_live_")),
    "a standard key": org.standard,
    "very long text": "cs_run_" + "A".repeat(100_000),
  };
  for (const [attack, text] of Object.entries(attacks)) await assertNoToken(org, text, attack);
  assert.equal((await consume(org, token)).status, 200);
});

Deno.test("an unsigned token, and one signed with an empty or guessed key, is refused", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { claims } = parts((await minted(org)).token);
  const payload = canonicalJson(claims as JsonObject);
  const signed = "cs_run_" + btoa(payload).replaceAll("+", "-").replaceAll("/", "_").split("=")[0];
  for (const secret of ["", org.id, "k0", "secret"]) {
    const mac = createHmac("sha256", secret).update(signed).digest("base64url");
    await assertNoToken(org, checksummed(`${signed}.${mac}`), `signed with ${secret}`);
  }
  await assertNoToken(org, checksummed(`${signed}.${"A".repeat(43)}`), "zeros");
});

Deno.test("a signing key name that no key has is refused, whatever it is", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const { claims, mac } = parts((await minted(org)).token);
  for (
    const key_id of ["", "k", "k1", "../k1", "__proto__", "k" + "9".repeat(40), "x".repeat(3000)]
  ) {
    await assertNoToken(org, forged({ ...claims, key_id }, mac), key_id);
  }
});

Deno.test("a token whose record was removed or exchanged is refused", async () => {
  await using countersign = await Countersign.start();
  const { kv } = countersign.services.deps;
  const org = await orgWithTransfer(countersign);
  const one = await minted(org);
  const two = await minted(org, { ...TRANSFER, arguments: {} });
  const record = await kv.get(runTokenKey(org.id, two.token_id));
  await setAsAnotherNode(kv, org.id, runTokenKey(org.id, one.token_id), record.value);
  await assertNoToken(org, one.token, "another token's record");
  await setAsAnotherNode(kv, org.id, runTokenKey(org.id, one.token_id));
  await assertNoToken(org, one.token, "no record");
});

Deno.test("a token is refused when its signing key is gone", async () => {
  await using countersign = await Countersign.start();
  const { kv } = countersign.services.deps;
  const org = await orgWithTransfer(countersign);
  const { token } = await minted(org);
  for await (const { key } of kv.list({ prefix: tokenKeyPrefix(org.id) })) {
    await setAsAnotherNode(kv, org.id, key as StoreKey);
  }
  await assertNoToken(org, token, "key gone");
});

Deno.test("garbage tokens are logged once a minute and caller, real ones each time", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  const agent = await org.agent();
  const { token } = await minted(org);
  const flood = (key = org.standard) =>
    Promise.all(Array.from({ length: 50 }, (_, i) => consume(org, `cs_run_${i}`, TRANSFER, key)));
  const refused = () => entriesOf(org, "token.refused");

  for (const got of await flood()) assertProblem(got, 400, "token_invalid");
  assert.equal((await refused()).length, 1);
  const report = { tool_name: "transfer", token: "x", execution_result: "success" };
  assertProblem(await org.post("/v1/executions/log", report), 400, "token_invalid");
  assert.equal((await refused()).length, 1, "over both routes");
  await flood(agent);
  assert.equal((await refused()).length, 2);
  countersign.clock.advance(60_000);
  await flood();
  assert.equal((await refused()).length, 3);
  assert.ok((await refused()).every(({ data }) => data.code === "token_invalid"));

  await consume(org, token);
  await consume(org, token);
  await consume(org, token);
  assert.equal((await refused()).length, 5);
});

Deno.test("a token that is not text is a malformed request", async () => {
  await using countersign = await Countersign.start();
  const org = await orgWithTransfer(countersign);
  for (const token of [null, 1, {}, ["cs_run_"]]) {
    const got = await org.post("/v1/tokens/consume", { token, ...TRANSFER });
    assertProblem(got, 422, "invalid_request");
  }
  const { token } = await minted(org);
  assertProblem(await org.post("/v1/tokens/consume", { token }), 422, "invalid_request");
});
