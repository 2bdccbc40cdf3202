import fc from "fast-check";
import assert from "node:assert/strict";
import { systemTimer } from "../../lib/store/system.ts";
import { readForeign } from "../../lib/upstreams/foreign_json.ts";
import { eventMessages, type Framed, lineMessages } from "../../lib/upstreams/framing.ts";
import { MAX_VALUES } from "../../lib/upstreams/json_scanner.ts";
import { jsonValue } from "../helpers/arbitrary_json.ts";
import { runs } from "../helpers/property_runs.ts";

/** Messages out of bytes, however these are cut. */

const encoder = new TextEncoder();

const decoder = new TextDecoder();

/** The same bytes in pieces. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : sizes[turn % sizes.length] ?? 1;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

async function textsOf(framed: AsyncIterable<Framed>): Promise<string[]> {
  const texts = [];
  for await (const one of framed) texts.push(typeof one === "string" ? one : decoder.decode(one));
  return texts;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 });

const line = fc.string({ unit: "grapheme", minLength: 1 }).map((text) =>
  text.replace(/[\r\n]/g, "")
);

Deno.test("events: whatever pieces and ends of lines they come in, their data is the same", async () => {
  const event = fc.record({
    lines: fc.array(line.filter((text) => text !== ""), { minLength: 1, maxLength: 3 }),
    newline: fc.constantFrom("\n", "\r", "\r\n"),
    space: fc.constantFrom("", " "),
    before: fc.constantFrom("", ": alive", "id: 7", "retry:9", "event: message", "data2: x", "dat"),
  });
  const messages = fc.array(event, { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(messages, sizes, async (events, sizes) => {
      const text = events.map(({ lines, newline, space, before }) =>
        [
          ...before === "" ? [] : [before],
          ...lines.map((one) => `data:${space}${space === "" && one[0] === " " ? "." : ""}${one}`),
          "",
          "",
        ].join(newline)
      ).join("");
      const expected = events.map(({ lines, space }) =>
        lines.map((one) => `${space === "" && one[0] === " " ? "." : ""}${one}`).join("\n")
      );
      const found = await textsOf(eventMessages(cut(encoder.encode(text), sizes), 10_000));
      assert.deepEqual(found, expected);
    }),
    runs(60),
  );
});

Deno.test("G11: events: data that is too large ends them, and what has no end is none", async () => {
  const found = (text: string, max: number) =>
    textsOf(eventMessages(cut(encoder.encode(text), [3]), max));
  assert.deepEqual(await found("data: ab\n\ndata: abcde\n\ndata: a\n\n", 4), ["ab", "too_large"]);
  assert.deepEqual(await found("data: abc\ndata: d\n\n", 4), ["too_large"]);
  assert.deepEqual(await found("data: ab\n\ndata: c\n", 4), ["ab"]);
  assert.deepEqual(await found("event: data: x\n\ndata\n\n", 4), []);
});

Deno.test("G11: lines: whatever pieces they come in, they are the same; long ones are told by their ends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 6 }), sizes, async (lines, sizes) => {
      const text = lines.map((one) => `${one}\n`).join("");
      const found = [];
      for await (const one of lineMessages(cut(encoder.encode(text), sizes), 10_000, 20_000)) {
        assert(one instanceof Uint8Array);
        found.push(decoder.decode(one));
      }
      assert.deepEqual(found, lines.filter((one) => one !== ""));
    }),
    runs(40),
  );
  const long = `{"id":1,${"x".repeat(2000)},"id":2}`;
  const seen = [];
  for await (const one of lineMessages(cut(encoder.encode(`a\n${long}\nb\n`), [7]), 100, 5000)) {
    seen.push(
      one instanceof Uint8Array ? decoder.decode(one) : [
        decoder.decode(one.head).slice(0, 8),
        decoder.decode(one.tail).slice(-7),
      ],
    );
  }
  assert.deepEqual(seen, ["a", ['{"id":1,', '"id":2}'], "b"]);
  const ended = [];
  const endless = cut(encoder.encode(`a\n${"x".repeat(9000)}\nb\n`), [1000]);
  for await (const one of lineMessages(endless, 100, 5000)) ended.push(one);
  assert.equal(ended.length, 1);
});

Deno.test("foreign JSON: each part is the bytes that its value is written by", async () => {
  const name = fc.oneof(fc.constantFrom("result", "content", "__proto__", 'q"\\'), fc.string());
  const object = fc.dictionary(name, fc.oneof(jsonValue, fc.dictionary(name, jsonValue)));
  const space = fc.constantFrom("", " ", "\n\t ");
  await fc.assert(
    fc.asyncProperty(object, space, fc.boolean(), async (value, space, escaped) => {
      const plain = JSON.stringify(value, null, space);
      const text = escaped ? plain.replace(/é/g, "\\u00e9") : plain;
      const read = await readForeign(encoder.encode(`${space}${text}${space}`), systemTimer);
      assert(typeof read !== "string", String(read));
      assert.deepEqual(read.value(), JSON.parse(text));
      assert.deepEqual(read.names(), Object.keys(value).length === 0 ? [] : read.names());
      for (const [one, member] of Object.entries(value)) {
        const bytes = read.part(one);
        assert(bytes !== null);
        assert.equal(JSON.stringify(JSON.parse(decoder.decode(bytes))), JSON.stringify(member));
        assert.equal(decoder.decode(bytes).trim(), decoder.decode(bytes));
        if (typeof member !== "object" || member === null || Array.isArray(member)) continue;
        for (const [two, inner] of Object.entries(member)) {
          const part: string = decoder.decode(read.part(one, two) ?? new Uint8Array());
          assert.equal(JSON.stringify(JSON.parse(part)), JSON.stringify(inner));
        }
      }
      assert.equal(read.part("not there"), null);
    }),
    runs(60),
  );
});

Deno.test("G11: foreign JSON: what is none, means two things, or is too much, is refused", async () => {
  const read = async (text: string) => {
    const found = await readForeign(encoder.encode(text), systemTimer);
    return typeof found === "string" ? found : "read";
  };
  for (
    const text of [
      "",
      "[]",
      "1",
      "{",
      '{"a":1}}',
      '{"a":1,"a":2}',
      '{"a":{"b":1,"\\u0062":2}}',
      "]",
    ]
  ) assert.equal(await read(text), "malformed", text);
  // Deeper down both readers are JSON.parse.
  assert.equal(await read('{"a":[{"b":1,"b":2}]}'), "read");
  assert.equal(await read(`{"a":${"[".repeat(63)}${"]".repeat(63)}}`), "read");
  assert.equal(await read(`{"a":${"[".repeat(64)}${"]".repeat(64)}}`), "too_many_values");
  assert.equal(await read(`{"a":[${"0,".repeat(MAX_VALUES - 3)}0]}`), "read");
  assert.equal(await read(`{"a":[${"0,".repeat(MAX_VALUES)}0]}`), "too_many_values");
  assert.equal(await read(`{"a":"${"[,{".repeat(MAX_VALUES)}"}`), "read");
});
