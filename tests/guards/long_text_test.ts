import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import fc from "fast-check";
import { piecesOf, withPlaceholdersIn, type WrittenText } from "../../lib/guards/long_text.ts";
import { AnswerGuard, atOnce } from "../../lib/guards/result.ts";
import type { AfterGuard } from "../../lib/store/records/guards.ts";
import { runs } from "../helpers/property_runs.ts";

/** Long texts: read in windows, replaced in place, and never copied. */

const MIB = 1024 * 1024;

const TOKEN = "gh" + "p_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";

const CREDENTIALS: readonly AfterGuard[] = [{ kind: "credentials", mode: "redact" }];

const bytes = (text: string) => new TextEncoder().encode(text);

/** A text as a JSON string may have it: some of its characters with escapes. */
function written(text: string, escaped: number): string {
  return Array.from(
    text,
    (character, at) =>
      at % escaped !== 0 ? JSON.stringify(character).slice(1, -1) : Array.from(
        { length: character.length },
        (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`,
      ).join(""),
  ).join("");
}

function read(parts: WrittenText): string {
  return JSON.parse(`"${parts.map((part) => new TextDecoder().decode(part)).join("")}"`);
}

const characters = fc.constantFrom("a", "é", "世", "😀", '"', "\\", "\n", "\u0000", "]");

const longText = fc.tuple(
  fc.array(characters, { minLength: 1, maxLength: 40 }),
  fc.integer({ min: 400, max: 1500 }),
).map(([some, times]) => some.join("").repeat(times));

Deno.test("property: pieces of a long text are the text, however it is written, and each begins with the end of the one before", () => {
  fc.assert(
    fc.property(longText, fc.integer({ min: 1, max: 9 }), fc.nat(200), (text, escaped, overlap) => {
      let all = "";
      let before = "";
      for (const piece of piecesOf([bytes(written(text, escaped))], overlap)) {
        assert.equal(piece.from, Math.max(0, all.length - (overlap === 0 ? all.length : overlap)));
        const known = all.length - piece.from;
        assert.equal(piece.text.slice(0, known), before.slice(before.length - known));
        all += piece.text.slice(known);
        before = piece.text;
      }
      assert.equal(all, text);
    }),
    runs(100),
  );
});

Deno.test("property: what is replaced in a long text is what is replaced in a short one", () => {
  const spans = fc.array(fc.tuple(fc.nat(), fc.nat(20_000)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(longText, fc.integer({ min: 1, max: 9 }), spans, (text, escaped, made) => {
      const placeholders = made
        .map(([at, length]) => ({ start: at % text.length, length: length + 1 }))
        .map(({ start, length }) => ({
          start,
          end: Math.min(text.length, start + length),
          text: "[x]",
        }))
        .sort((a, b) => a.start - b.start || b.end - a.end);
      let expected = "";
      let at = 0;
      for (const { start, end } of placeholders) {
        if (end <= at) continue;
        if (start >= at) expected += `${text.slice(at, start)}[x]`;
        at = end;
      }
      expected += text.slice(at);
      const source = [bytes(written(text, escaped))];
      assert.equal(read(withPlaceholdersIn(source, placeholders)), expected);
      // In parts, too, as what was replaced before leaves it.
      const again = withPlaceholdersIn(withPlaceholdersIn(source, placeholders), []);
      assert.equal(read(again), expected);
    }),
    runs(100),
  );
});

Deno.test("property: a credential goes from a long text wherever it stands and however it is written, and all else stays", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 9 }), fc.boolean(), (at, escaped, twice) => {
      const around = "a b 世 \n".repeat(40_000);
      const place = at % around.length;
      const text = `${around.slice(0, place)} ${TOKEN} ${around.slice(place)}${
        twice ? ` ${TOKEN}` : ""
      }`;
      const json = bytes(`[1.50,"${written(text, escaped)}"]`);
      const answer = new AnswerGuard(CREDENTIALS);
      const next = new TextDecoder().decode(atOnce(answer.json(json, "")));
      assert.equal(JSON.parse(next)[1], text.replaceAll(TOKEN, "[secret]"));
      assert.ok(next.startsWith("[1.50,"));
      assert.deepEqual(answer.looked().redactions, [{ kind: "credential", count: twice ? 2 : 1 }]);
    }),
    runs(8),
  );
});

Deno.test("a long text that hides a credential in what goes is read again", () => {
  const nested = `${TOKEN.slice(0, 4)}${TOKEN}${TOKEN.slice(4)}`;
  const json = bytes(JSON.stringify([`${"a b ".repeat(80_000)} ${nested} c`]));
  const next = new TextDecoder().decode(atOnce(new AnswerGuard(CREDENTIALS).json(json, "")));
  assert.ok(!next.includes(TOKEN.slice(4, 20)));
});

Deno.test("a long text in which nothing is found is the same bytes", () => {
  const json = bytes(JSON.stringify([{ type: "text", text: "a b ".repeat(100_000) }]));
  assert.equal(atOnce(new AnswerGuard(CREDENTIALS).json(json, "/content", true)), json);
});

v8.setFlagsFromString("--expose-gc");
const collect: () => void = vm.runInNewContext("gc");

/** What lives, of scripts and of buffers. */
function living(): number {
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const ROOM = 8 * MIB;

const RESULTS: Readonly<Record<string, () => string>> = {
  "one text": () => `[{"type":"text","text":"${"x y ".repeat(ROOM / 4)}"}]`,
  "one text, a letter of which is wide": () =>
    `[{"type":"text","text":"世${"x y ".repeat(ROOM / 4)}"}]`,
  "escapes": () => `[{"type":"text","text":"${'\\" '.repeat(ROOM / 3)}"}]`,
  "a picture": () => `[{"type":"image","data":"${"QUJD".repeat(ROOM / 4)}"}]`,
  "a text with credentials": () =>
    `[{"type":"text","text":"${`${"x y ".repeat(10_000)} ${TOKEN} `.repeat(ROOM / 40_042)}"}]`,
};

for (const [name, made] of Object.entries(RESULTS)) {
  Deno.test(`G11: guards keep no more than a result beside itself: ${name}`, () => {
    const json = bytes(made());
    const before = living();
    let most = 0;
    const work = new AnswerGuard(CREDENTIALS).json(json, "/content", true);
    let steps = 0;
    let step = work.next();
    for (; !step.done; step = work.next()) {
      if (steps++ % 120 === 0) most = Math.max(most, living() - before);
    }
    most = Math.max(most, living() - before);
    assert.ok(step.value.length > 0);
    assert.ok(most < ROOM + MIB, `${(most / MIB).toFixed(1)} MiB beside ${ROOM / MIB}`);
  });
}
