import assert from "node:assert/strict";
import { shortValues } from "../../lib/sheet/row.ts";

const said = (schema: Parameters<typeof shortValues>[0], args: Parameters<typeof shortValues>[1]) =>
  shortValues(schema, args).map(({ name, text }) => `${name}=${text}`);

Deno.test("shortValues() takes the first arguments in the order of the schema, then as they came", () => {
  const schema = { properties: { amount: {}, currency: {} } };
  const args = { zebra: true, currency: "EUR", amount: 40, apple: null };
  assert.deepEqual(said(schema, args), ["amount=40", "currency=EUR", "zebra=true", "apple=null"]);
  assert.deepEqual(said(null, { b: [1, { c: 2 }], a: "x" }), [`b=[1,{"c":2}]`, "a=x"]);
  assert.deepEqual(said({ properties: ["no"] }, { a: 1 }), ["a=1"]);
  assert.deepEqual(said(null, {}), []);
});

Deno.test("shortValues() says where a value is cut, and cuts no character in two", () => {
  assert.deepEqual(said(null, { text: "first line\nsecond" }), ["text=first line…"]);
  const [long] = shortValues(null, { text: "😀".repeat(5000) });
  assert.equal(long?.text, `${"😀".repeat(80)}…`);
  const many = Object.fromEntries(
    Array.from({ length: 99 }, (_, at) => [`name${at}`, "x".repeat(70)]),
  );
  assert.equal(shortValues(null, many).length, 2);
  assert.equal(shortValues(null, { ["n".repeat(9000)]: 1 })[0]?.name.length, 81);
});
