import assert from "node:assert/strict";
import { isTakenForAnother, personNameProblem, personWords } from "../../lib/base/person.ts";

Deno.test("personNameProblem() takes names of people, whatever their script", () => {
  for (
    const name of [
      "Ann Lee",
      "Jean-Luc O'Neil, Jr.",
      "José Ángel",
      "Сара Осина",
      "محمد الأمين",
      "राम कुमार",
      "李小龙",
      "7 of 9",
    ]
  ) assert.equal(personNameProblem(name.normalize("NFC")), null, name);
});

Deno.test("personNameProblem() refuses what could pass for words or an address of ours", () => {
  const refused: [string, RegExp][] = [
    ["ann@example.com", /may have letters/],
    ["ann＠example", /may have letters/],
    ["Ann (bob@example.com) approved", /may have letters/],
    ["Ann “owner”", /may have letters/],
    ["<b>Ann</b>", /may have letters/],
    ["Ann\u202eLee", /U\+202E/],
    ["Ann\u200bLee", /U\+200B/],
    ["\u3164", /U\+3164/],
    ["Ann\nLee", /U\+000A/],
    [" Ann", /white space/],
    ["Ann  Lee", /single spaces/],
    ["Ann\u00a0Lee", /may have letters/],
    ["Jose\u0301", /NFC/],
    ["Z\u0335\u0336\u0337\u0338algo", /may have letters/],
    ["…9g1y90", /may have letters/],
    ["a".repeat(61), /at most 60/],
    ["", /may have letters/],
  ];
  for (const [name, why] of refused) assert.match(personNameProblem(name) ?? "", why, name);
});

Deno.test("isTakenForAnother() sees names and addresses that a hurried eye takes for one another", () => {
  const others = [
    { email: "bob.miller@example.com", name: null },
    { email: "c@example.com", name: "Ann Lee" },
  ];
  for (
    const name of [
      "Ann Lee",
      "ann lee",
      "ANN-LEE",
      "Ann Iee",
      "Аnn Lее",
      "Ánn Lee",
      "Ａｎｎ Lee",
      "Bob Miller",
      "bob.miller",
      "Bob.Miller-example.com",
    ]
  ) assert.equal(isTakenForAnother(name, others), true, name);
  for (const name of ["Ann Leeds", "Anna Lee", "Bob", "Сара"]) {
    assert.equal(isTakenForAnother(name, others), false, name);
  }
});

Deno.test("personWords() never says a name without the address", () => {
  assert.equal(personWords({ email: "a@example.com", name: null }), "a@example.com");
  assert.equal(personWords({ email: "a@example.com", name: "Ann" }), "Ann (a@example.com)");
});
