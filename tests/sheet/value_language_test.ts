import fc from "fast-check";
import assert from "node:assert/strict";
import { type Language, languageOf, loudWords, tokensOf } from "../../lib/sheet/value_language.ts";

const LANGUAGES: readonly Language[] = ["SQL", "Shell", "JSON", "HTML", "Markdown", "URL"];

Deno.test("languageOf() goes by what a text begins with, and by its name where that is not enough", () => {
  const cases: readonly [Language | null, string, string][] = [
    ["SQL", "x", "-- why\nDELETE FROM a"],
    ["SQL", "x", "select a, b from t where c = 1"],
    ["SQL", "query", "select 1"],
    [null, "query", "cats that sleep"],
    [null, "note", "Select one item from the list"],
    [null, "note", "Update the docs, set them right"],
    ["Shell", "command", "rm -rf x"],
    ["Shell", "x", "#!/bin/sh\nls"],
    ["JSON", "x", ' {"a": [1]}'],
    [null, "x", "{not json"],
    ["HTML", "x", "<p>Hello</p>"],
    [null, "x", "a < b"],
    ["Markdown", "x", "# One\n\n- two"],
    [null, "x", "- one line"],
    ["URL", "x", "https://example.com/a?b"],
    [null, "x", "see https://example.com"],
  ];
  for (const [expected, name, text] of cases) assert.equal(languageOf(name, text), expected, text);
});

Deno.test("tokensOf() loses and changes nothing of any text", () => {
  const text = fc.array(fc.constantFrom(..."'\"`\\/*-#<>!={}[]:;|&@ \nab1".split(""), "select"))
    .map((parts) => parts.join(""));
  fc.assert(fc.property(text, fc.constantFrom(null, ...LANGUAGES), (text, language) => {
    assert.equal(tokensOf(language, text).map((token) => token.text).join(""), text);
  }));
});

Deno.test("tokensOf() takes time linear in the text", () => {
  const texts = ["'", '"\\', "/*", "](", "<a ", "`", "@", "${", "#"].map((part) =>
    part.repeat(10_000)
  );
  // Were one of them quadratic, this would not end in the time that a test has.
  for (const language of LANGUAGES) {
    for (const text of texts) {
      for (let time = 0; time < 3; time++) tokensOf(language, text);
    }
  }
});

Deno.test("the host of an URL stands out, not what stands before an at sign", () => {
  assert.deepEqual(tokensOf("URL", "https://bank.example@evil.example/x"), [
    { kind: "comment", text: "https://" },
    { kind: "quoted", text: "bank.example@" },
    { kind: "word", text: "evil.example" },
    { kind: "plain", text: "/x" },
  ]);
});

Deno.test("loudWords() names words that change data wherever they stand, comments among them", () => {
  assert.deepEqual(loudWords("SQL", ["select 1; -- drop", "/*! DELETE */", "delete"]), [
    { word: "DROP", line: 1 },
    { word: "DELETE", line: 2 },
  ]);
  assert.deepEqual(loudWords("Shell", ["ls; sudo rm x", "form.rm=1"]), [
    { word: "sudo", line: 1 },
    { word: "rm", line: 1 },
  ]);
  assert.deepEqual(loudWords(null, ["drop table x"]), []);
});
