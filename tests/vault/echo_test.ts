import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import { CUT, Echo } from "../../lib/vault/echo.ts";
import { percentEncoded } from "../../lib/openapi/styles.ts";
import type { VaultRecord } from "../../lib/store/records/vault.ts";
import { injectionOf } from "../../lib/vault/injection.ts";
import { jsonObject } from "../helpers/arbitrary_json.ts";
import { runs } from "../helpers/property_runs.ts";

const SECRET = `sk_live_4eC39/+9%&"\\7dc`;

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();

const bytesOf = (value: JsonValue) => new TextEncoder().encode(JSON.stringify(value));

/** Ways in which one text is written by those who repeat it. */
const WRITTEN: Readonly<Record<string, (secret: string) => string>> = {
  "as it stands": (secret) => secret,
  "percent-encoded": encodeURIComponent,
  "percent-encoded twice": (secret) => encodeURIComponent(encodeURIComponent(secret)),
  "every character percent-encoded": (secret) =>
    [...secret].map((one) => `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`).join(""),
  "as a form": (secret) => new URLSearchParams({ a: secret }).toString().slice(2),
  "base64": base64,
  "base64url": (secret) => new TextEncoder().encode(secret).toBase64({ alphabet: "base64url" }),
  "base64 on lines": (secret) => base64(secret).replace(/.{10}/g, "$&\r\n"),
  "hex": (secret) => new TextEncoder().encode(secret).toHex(),
  "JSON within text": (secret) => JSON.stringify({ token: secret }),
  "JSON within JSON within text": (secret) => JSON.stringify(JSON.stringify({ token: secret })),
  "escapes of Unicode": (secret) =>
    [...secret].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join(""),
  "HTML": (secret) => secret.replaceAll("&", "&amp;").replaceAll('"', "&quot;"),
};

for (const [how, written] of Object.entries(WRITTEN)) {
  Deno.test(`echo, ${how}: it is cut out, and what stands around it stays`, async () => {
    const echo = new Echo([SECRET]);
    const { value, count } = await echo.text(`before ${written(SECRET)} after`);
    assert.equal(count, 1, value);
    assert.match(value, /^before .*\[secret\].* after$/s);
    assert.ok(value.length <= "before  after".length + 40, value);
  });
}

Deno.test("echo: what a credential is sent as is cut out as well, however whoever repeats it writes it", async () => {
  const field = "key";
  const kinds: readonly [VaultRecord["kind"], string][] = [
    ["basic", `somebody:${SECRET}`],
    ["query", SECRET],
    ["header", `Token ${SECRET}`],
    ["bearer", SECRET.replaceAll('"', "")],
  ];
  for (const [kind, secret] of kinds) {
    const { headers, parameters, withoutIt } = injectionOf({ kind, field }, secret);
    const query = new URLSearchParams(parameters).toString();
    const sent = kind === "query"
      ? [query, `key=${percentEncoded(secret)}`]
      : Object.values(headers);
    for (const [how, written] of Object.entries(WRITTEN)) {
      for (const one of sent) {
        const text = written(`x: ${one}`);
        const { value, count } = await withoutIt(bytesOf(text), () => Promise.resolve());
        assert.equal(count, 1, `${kind} ${how}: ${new TextDecoder().decode(value)}`);
        assert.ok(value.length < text.length / 1.5 || value.length < 60, `${kind} ${how}`);
      }
    }
  }
});

for (const before of ["", "u:", "uu:", "user:"]) {
  Deno.test(`echo: base64 of something longer is cut where the credential is (${before})`, async () => {
    const whole = base64(`${before}${SECRET} and more`);
    const { value, count } = await new Echo([SECRET]).text(whole);
    assert.equal(count, 1);
    // What is left holds no whole character of it.
    const [left = "", right = ""] = value.split(CUT);
    assert.ok(left.length <= Math.ceil((before.length + 1) * 4 / 3));
    assert.ok(right.length <= Math.ceil((" and more".length + 1) * 4 / 3) + 2);
  });
}

Deno.test("echo: each time is counted, and each credential is found", async () => {
  const echo = new Echo(["first-secret", "second-secret"]);
  const { value, count } = await echo.text("a first-secret b second-secret c first-secret");
  assert.deepEqual({ value, count }, { value: "a [secret] b [secret] c [secret]", count: 3 });
});

Deno.test("echo: of JSON it is cut out of values, member names and numbers; the rest stays byte for byte", async () => {
  const digits = "1234567890123";
  const text = `{ "result" : {"content":[ {"type":"text","text":"x ${digits}"} ],` +
    `"structuredContent":{"${digits}":1.50e+300,"n":${digits}0000000000001, "m" : 2.0}}}`;
  const { value, count } = await new Echo([digits]).json(new TextEncoder().encode(text));
  assert.equal(count, 3);
  assert.equal(
    new TextDecoder().decode(value),
    `{ "result" : {"content":[ {"type":"text","text":"x [secret]"} ],` +
      `"structuredContent":{"[secret]":1.50e+300,"n":"[secret]0000000000001", "m" : 2.0}}}`,
  );
});

Deno.test("echo: pictures and sounds stay byte for byte; words that only claim to be one do not", async () => {
  const data = base64(SECRET);
  const pictures: JsonObject[] = [
    { type: "image", data, mimeType: "image/png" },
    { type: "audio", data, mimeType: "audio/wav" },
  ];
  const echo = new Echo([SECRET]);
  const whole = bytesOf({ result: { content: pictures } });
  assert.deepEqual(await echo.json(whole), { value: whole, count: 0 });
  // In a file it is written over, wherever it begins, and everything else of it is what it was.
  const blobOf = (bytes: Uint8Array) =>
    bytesOf({ result: { content: [{ type: "resource", resource: { blob: bytes.toBase64() } }] } });
  for (const before of [0, 1, 2, 3]) {
    const [head, tail] = [new Uint8Array(before).fill(0xff), new Uint8Array([0xfe, 0, 1])];
    const secret = new TextEncoder().encode(SECRET);
    const { value, count } = await echo.json(blobOf(new Uint8Array([...head, ...secret, ...tail])));
    assert.equal(count, 1);
    const [block] = JSON.parse(new TextDecoder().decode(value)).result.content;
    const file = Uint8Array.fromBase64(block.resource.blob);
    assert.equal(file.length, before + secret.length + tail.length);
    assert.deepEqual(file.subarray(0, before), head);
    assert.deepEqual(file.subarray(before + secret.length), tail);
    const own = file.subarray(before + 1, before + secret.length - 1);
    assert.ok(own.every((byte) => byte === 0x2a), new TextDecoder().decode(file));
    const other = blobOf(new Uint8Array([...head, ...tail]));
    assert.equal((await echo.json(other)).value, other);
  }
  const others: JsonObject[] = [
    { type: "image", data: `no base64: ${data}` },
    { type: "text", text: data },
    { type: "resource", resource: { uri: `a:${data}`, text: data } },
    { type: "resource_link", uri: encodeURIComponent(SECRET), name: data },
  ];
  for (const block of others) {
    const cut = await echo.json(bytesOf({ result: { content: [block], structuredContent: {} } }));
    assert.ok(cut.count > 0, JSON.stringify(block));
    assert.ok(!new TextDecoder().decode(cut.value).includes(data), JSON.stringify(block));
  }
  const beside = await echo.json(
    bytesOf({ result: { structuredContent: { type: "image", data } } }),
  );
  assert.equal(beside.count, 1);
});

Deno.test("echo: a name that stands twice hides nothing behind it", async () => {
  const text = `{"result":{"content":[],"a":{"b":{"c":"${SECRET.slice(0, 13)}","c":"x"}}}}`;
  const cut = await new Echo([SECRET.slice(0, 13)]).json(new TextEncoder().encode(text));
  assert.equal(
    new TextDecoder().decode(cut.value),
    `{"result":{"content":[],"a":{"b":{"c":"[secret]","c":"x"}}}}`,
  );
});

Deno.test("echo: JSON without it comes back as the same bytes, and what is no JSON stays none", async () => {
  const long = "a".repeat(1024 * 1024);
  for (const echo of [new Echo([SECRET]), new Echo(["plain-secret"])]) {
    for (const text of ["", "{", `{"a":"\\u0041"}`, `{"${long}":["${long}\\n",1.5e300]}`]) {
      const bytes = new TextEncoder().encode(text);
      const cut = await echo.json(bytes);
      assert.ok(cut.value === bytes && cut.count === 0, "not one copy");
    }
  }
  for (const text of [`{"a":"${base64(SECRET)}"`, `["${base64(SECRET)}\\x"]`]) {
    const { value } = await new Echo([SECRET]).json(new TextEncoder().encode(text));
    assert.ok(!isJson(new TextDecoder().decode(value)));
  }
});

/** What fills a text: plain, wide, escaped, and what nearly is an escape. */
const FILLINGS = ["a", "é", "😀", '"', "\\", "\n", "%2", "&#", "plain-secre"];

Deno.test("echo: from a long text it goes wherever it stands and however it is escaped, and all else stays", async () => {
  const WINDOW = 12 * 1024;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("plain-secret", `a"b\\c%41&amp`),
      fc.constantFrom(...FILLINGS),
      fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: -14, max: 14 }),
      fc.boolean(),
      async (secret, filling, windows, off, escaped) => {
        let text = "";
        let expected = "";
        for (const window of windows.toSorted((a, b) => a - b)) {
          const fill = filling.repeat(
            Math.max(1, Math.ceil((window * WINDOW + off - text.length) / filling.length)),
          );
          text += `${fill}<${secret}>`;
          expected += `${fill}<${CUT}>`;
        }
        // Beyond what is read as one text.
        const tail = "z".repeat(300 * 1024);
        const json = JSON.stringify({ result: { structuredContent: { text: text + tail } } });
        const sent = escaped
          ? json.replace(/(?<!\\)[a-f]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`)
          : json;
        const bytes = new TextEncoder().encode(isJson(sent) ? sent : json);
        const cut = await new Echo([secret]).json(bytes);
        const after = JSON.parse(new TextDecoder().decode(cut.value));
        assert.equal(after.result.structuredContent.text, expected + tail);
        assert.equal(cut.count, windows.length);
      },
    ),
    runs(12),
  );
});

const anySecret = fc.string({ unit: "binary-ascii", minLength: 8, maxLength: 60 })
  .filter((text) => /^[\x21-\x7e]+$/.test(text));

Deno.test("G6: whatever the credential and wherever it stands in JSON, none of it is left", async () => {
  await fc.assert(
    fc.asyncProperty(
      anySecret,
      fc.constantFrom(...Object.values(WRITTEN)),
      jsonObject,
      fc.boolean(),
      async (secret, written, beside, escaped) => {
        const echo = new Echo([secret]);
        const text = `<${written(secret)}>`;
        const message = { result: { [text]: text, beside, deep: [{ a: [text] }] } };
        const json = JSON.stringify(message);
        const sent = escaped
          ? json.replace(/(?<!\\)[A-Za-z]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`)
          : json;
        const bytes = new TextEncoder().encode(escaped && !isJson(sent) ? json : sent);
        const cut = await echo.json(bytes);
        assert.ok(cut.count >= 3);
        const after = JSON.stringify(JSON.parse(new TextDecoder().decode(cut.value)));
        assert.ok(!after.includes(JSON.stringify(written(secret)).slice(1, -1)), after);
        assert.equal((await echo.json(cut.value)).count, 0);
      },
    ),
    runs(200),
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("echo: others get their turn in a long text, whatever secret its server handed out", async () => {
  let turns = 0;
  const echo = new Echo([`${"a".repeat(4000)}b`]);
  const { count } = await echo.text("a".repeat(1_000_000), () => {
    turns++;
    return undefined;
  });
  assert.equal(count, 0);
  assert.ok(turns >= 7);
});
