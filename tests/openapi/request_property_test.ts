import fc from "fast-check";
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { addressWith, type OperationRequest, requestOf } from "../../lib/openapi/request.ts";
import type { HttpOperation, OperationParameter } from "../../lib/store/records/operation.ts";
import { runs } from "../helpers/property_runs.ts";

/**
 * Requests that operations make of arguments, held to a naive reading of the specification's table of
 * styles, and to readers of others: the URL parser of the runtime, its query and its form.
 */

const BASE = "https://api.example.com/v2";

/** Texts with all that ends something somewhere. */
const nasty = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(..."./\\%2efF5c&=;,?#@: \r\n\0\"'[]{}+~|ä\u2024\uff0e"),
    maxLength: 10,
  }),
  fc.constantFrom(
    "..",
    ".",
    "%2e%2e",
    "..%2f",
    "%252e%252e%252f",
    "..;",
    "a/../b",
    "//",
    "\\..\\",
    ".",
  ),
);

const word = fc.oneof(
  nasty,
  fc.integer(),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const value: fc.Arbitrary<JsonValue> = fc.oneof(
  word,
  fc.array(word, { maxLength: 4 }),
  fc.dictionary(fc.string({ unit: "grapheme", minLength: 1, maxLength: 5 }), word, { maxKeys: 4 }),
) as fc.Arbitrary<JsonValue>;

function parameter(
  place: OperationParameter["in"],
  name: string,
  style: OperationParameter["style"],
  explode: boolean,
  json = false,
): OperationParameter {
  return { argument: name, name, in: place, style, explode, json };
}

function operation(fields: Partial<HttpOperation>): HttpOperation {
  return { method: "GET", path: "/things", parameters: [], body: null, ...fields };
}

function made(of: HttpOperation, args: JsonObject): OperationRequest | null {
  const request = requestOf(of, args, BASE);
  return "message" in request ? null : request;
}

/** As naively as the specification's examples are. */
function words(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

Deno.test("a path argument stays in its segment, whatever it holds and whoever decodes it", () => {
  const styles = fc.constantFrom<OperationParameter["style"]>("simple", "label", "matrix");
  let written = 0;
  fc.assert(
    fc.property(value, styles, fc.boolean(), (one, style, explode) => {
      const path = "/things/{id}/parts";
      const of = operation({ path, parameters: [parameter("path", "id", style, explode)] });
      const request = made(of, { id: one });
      if (request === null) return;
      written++;
      const url = new URL(addressWith(request.address, request.query));
      assert.equal(url.href, request.address);
      assert.equal(url.origin, "https://api.example.com");
      assert.match(request.address, /^[\x21-\x7e]+$/);
      const segments = url.pathname.split("/");
      assert.deepEqual(segments.length, 5);
      assert.deepEqual([segments[1], segments[2], segments[4]], ["v2", "things", "parts"]);
      // Who decodes before they split, once, twice or three times, takes no step up or down.
      let decoded = segments[3]!;
      for (let times = 0; times < 3; times++) {
        const steps = decoded.normalize("NFKC").split(/[/\\]/);
        assert.ok(!steps.some((step) => step === "." || step === ".."), decoded);
        try {
          decoded = decodeURIComponent(decoded);
        } catch {
          break;
        }
      }
      if (style === "simple" && !isJsonObject(one) && !Array.isArray(one)) {
        assert.equal(decodeURIComponent(segments[3]!), words(one));
      }
    }),
    runs(400),
  );
  assert.ok(written > 50, `${written} of them can be written`);
});

Deno.test("arguments of a query are read back as they were, by their names and no others", () => {
  const styles = fc.constantFrom<[OperationParameter["style"], boolean]>(
    ["form", true],
    ["form", false],
    ["spaceDelimited", false],
    ["pipeDelimited", false],
    ["deepObject", true],
  );
  fc.assert(
    fc.property(value, word, styles, (one, other, [style, explode]) => {
      const parameters = [
        parameter("query", "a&b=", style, explode),
        parameter("query", "last", "form", true),
      ];
      const request = made(operation({ parameters }), { "a&b=": one, last: other as JsonValue });
      if (request === null) {
        const [names, elements] = isJsonObject(one)
          ? [Object.keys(one), Object.entries(one).flat().map(words)]
          : [[], Array.isArray(one) ? one.map(words) : []];
        const between = style === "spaceDelimited" ? " " : style === "pipeDelimited" ? "|" : null;
        const isRead = style === "deepObject"
          ? !names.some((name) => name === "" || /[[\]]/.test(name))
          : explode
          ? !names.some((name) => /^\s*last(?:\[|\s*$)/i.test(name))
          : between === null || !elements.some((element) => element.includes(between));
        assert.ok(!isRead, JSON.stringify(one));
        return;
      }
      const url = new URL(addressWith(request.address, request.query));
      assert.equal(url.pathname, "/v2/things");
      assert.equal(url.hash, "");
      const read = [...url.searchParams];
      assert.deepEqual(read.pop(), ["last", words(other as JsonValue)]);
      assert.deepEqual(read, oracle("a&b=", one, style, explode));
    }),
    runs(400),
  );
});

/** The pairs of a query as a reader finds them (OpenAPI 3.1, "Style Examples"). */
function oracle(
  name: string,
  value: JsonValue,
  style: string,
  explode: boolean,
): [string, string][] {
  const between = style === "spaceDelimited" ? " " : style === "pipeDelimited" ? "|" : ",";
  if (Array.isArray(value)) {
    const all = value.map(words);
    if (style === "deepObject") return all.map((one) => [`${name}[]`, one]);
    if (explode) return all.map((one) => [name, one]);
    return all.length === 0 ? [] : [[name, all.join(between)]];
  }
  if (isJsonObject(value)) {
    const all = Object.entries(value).map(([key, one]) => [key, words(one)] as [string, string]);
    if (style === "deepObject") return all.map(([key, one]) => [`${name}[${key}]`, one]);
    if (explode) return all;
    return all.length === 0 ? [] : [[name, all.flat().join(between)]];
  }
  return [[name, words(value)]];
}

Deno.test("no argument of a header or cookie ends it, or begins another", () => {
  let written = 0;
  fc.assert(
    fc.property(value, value, (one, other) => {
      const parameters = [
        parameter("header", "X-One", "simple", false),
        parameter("cookie", "sid", "form", true),
        parameter("cookie", "last", "form", true),
      ];
      const request = made(operation({ parameters }), { "X-One": one, sid: other, last: "z" });
      if (request === null) return;
      written++;
      const { accept: _own, ...headers } = request.headers;
      assert.deepEqual(Object.keys(headers), ["x-one", "cookie"]);
      for (const text of Object.values(headers)) assert.match(text, /^[\x20-\x7e]*$/);
      const text = headers["x-one"]!;
      assert.equal(text, text.trim());
      assert.equal(new Headers({ "x-one": text }).get("x-one"), text);
      if (Array.isArray(one)) assert.equal(text, one.map(words).join(","));
      if (Array.isArray(one) && one.length > 0) assert.equal(text.split(",").length, one.length);
      const cookies = headers["cookie"]!.split("; ");
      assert.equal(cookies.length, 2);
      assert.ok(cookies[0]!.startsWith("sid=") && cookies[1] === "last=z");
      if (typeof other === "string") {
        assert.equal(decodeURIComponent(cookies[0]!.slice(4)), other);
      }
    }),
    runs(400),
  );
  assert.ok(written > 50, `${written} of them can be written`);
});

Deno.test("a form is read back as it was, and a form in parts ends where it says", async () => {
  const body = { argument: "body", media_type: "application/x-www-form-urlencoded", encoding: {} };
  const parts = { ...body, media_type: "multipart/form-data" };
  const form = fc.dictionary(nasty.filter((name) => name !== ""), word, { maxKeys: 4 });
  await fc.assert(
    fc.asyncProperty(form, async (fields) => {
      const expected = Object.entries(fields).map(([name, one]) => [name, words(one as JsonValue)]);
      const names = Object.keys(fields);
      const text = made(operation({ method: "POST", body }), { body: fields as JsonObject });
      if (names.some((name) => names.some((other) => name.startsWith(`${other}[`)))) {
        assert.equal(text, null);
        return;
      }
      const read = new URLSearchParams(new TextDecoder().decode(text!.body!));
      assert.deepEqual([...read], expected);
      const many = made(operation({ method: "POST", body: parts }), { body: fields as JsonObject });
      // deno-lint-ignore no-control-regex -- these are what is looked for
      const isOdd = expected.some(([name]) => /[\0-\x09\x0b\x0c\x0e-\x1f\x7f]/.test(name!));
      assert.equal(many === null, isOdd);
      if (many === null || expected.length === 0) return;
      const headers = { "content-type": many.headers["content-type"]! };
      const back = await new Response(many.body, { headers }).formData();
      assert.deepEqual(
        [...back].map(([, one]) => one),
        expected.map(([, one]) => one),
      );
      assert.equal([...back].length, expected.length);
    }),
    runs(150),
  );
});

Deno.test("a body of JSON is the canonical form of the argument, byte for byte", () => {
  const body = { argument: "body", media_type: "application/json", encoding: {} };
  const request = made(operation({ method: "PUT", body }), {
    body: { z: 1, a: ["\u20ac", { c: null, b: -0 }] },
  });
  assert.equal(new TextDecoder().decode(request!.body!), '{"a":["€",{"b":0,"c":null}],"z":1}');
  assert.equal(request!.headers["content-type"], "application/json");
});

Deno.test("attacks on an address by name are refused, and name the argument", () => {
  const path = "/v1/{org}/files/{name}.json";
  const parameters = [
    parameter("path", "org", "simple", false),
    parameter("path", "name", "simple", false),
  ];
  const of = operation({ path, parameters });
  const refused: Record<string, string> = {
    "two dots": "..",
    "one dot": ".",
    "dots within": "a/../b",
    "dots behind a backslash": "a\\..\\b",
    "encoded dots": "%2e%2e",
    "dots encoded twice": "%252e%252e%252fadmin",
    "dots encoded three times": "%25252e%25252e",
    "one encoded, one not": ".%2E",
    "dots with a parameter, as some servers drop it": "..;x=1",
    "full-width dots": "\uff0e\uff0e",
    "one-dot leaders": "\u2024\u2024",
    "a two-dot leader": "\u2025",
    "dots before a fraction slash": "..\u2044x",
    "over-long dots": "%c0%ae%c0%ae/",
    "an end of line": "a\r\nHost: b",
    "an encoded end of line": "a%0d%0ab",
    "a zero byte": "a\0b",
    "half of a surrogate pair": "\ud800",
    "nothing": "",
  };
  for (const [attack, org] of Object.entries(refused)) {
    const found = requestOf(of, { org, name: "n" }, BASE);
    assert.ok("message" in found, attack);
    assert.equal(found.path, "/org", attack);
  }
  const taken: Record<string, string> = {
    "https://evil.example/": "https%3A%2F%2Fevil.example%2F",
    "a?b#c": "a%3Fb%23c",
    "v1..v2": "v1..v2",
    "...": "...",
    "@evil:80": "%40evil%3A80",
    "größe": "gr%C3%B6%C3%9Fe",
  };
  for (const [org, segment] of Object.entries(taken)) {
    const found = requestOf(of, { org, name: "n" }, BASE);
    assert.ok(!("message" in found), org);
    assert.equal(found.address, `${BASE}/v1/${segment}/files/n.json`);
  }
});

Deno.test("two arguments of one segment make no step together", () => {
  const path = "/{a}{b}/x";
  const parameters = ["a", "b"].map((name) => parameter("path", name, "simple", false));
  const found = requestOf(operation({ path, parameters }), { a: "x", b: "y" }, BASE);
  assert.ok(!("message" in found));
  // Each is no step by itself; the label of one and the point of the other would be.
  const label = ["a", "b"].map((name) => parameter("path", name, "label", false));
  const step = requestOf(operation({ path, parameters: label }), { a: "", b: "" }, BASE);
  assert.ok("message" in step && step.path === "/a");
  // And without one of them it is another segment.
  const half = requestOf(operation({ path, parameters }), { a: "x", b: "" }, BASE);
  assert.ok("message" in half && half.path === "/b");
});

Deno.test("an object whose members are parameters passes for no other argument, given or not", () => {
  const parameters = [
    parameter("query", "filter", "form", true),
    parameter("query", "admin", "form", true),
    parameter("query", "user", "deepObject", true),
    parameter("query", "page[size]", "form", true),
    parameter("query", "page[at]", "form", true),
    parameter("query", "page", "deepObject", true),
  ];
  const refused: JsonObject[] = [
    { filter: { admin: "yes" }, admin: "no" },
    { filter: { admin: "yes" } },
    { filter: { Admin: "yes" } },
    { filter: { "admin[]": "yes" } },
    { filter: { "user[role]": "owner" } },
    { filter: { " user": "x" } },
    { page: { size: 1000 } },
    { user: { "a][b": 1 } },
    { user: { "": 1 } },
  ];
  for (const args of refused) {
    const found = requestOf(operation({ parameters }), args, BASE);
    assert.ok("message" in found, JSON.stringify(args));
    assert.equal(found.path, `/${Object.keys(args)[0]}`);
  }
  const two = ["a", "b"].map((name) => parameter("query", name, "form", true));
  const both = requestOf(operation({ parameters: two }), { a: { x: 1 }, b: { x: 2 } }, BASE);
  assert.ok("message" in both && both.path === "/b");
  const taken = { filter: { x: 1 }, user: { role: "a" }, "page[size]": 2, page: { other: 1 } };
  const request = made(operation({ parameters }), taken);
  assert.equal(
    addressWith("", request!.query),
    "?x=1&user%5Brole%5D=a&page%5Bsize%5D=2&page%5Bother%5D=1",
  );
});

Deno.test("no argument has servers take another method than the one that is decided about", () => {
  const parameters = [
    parameter("query", "_method", "form", true),
    parameter("query", "filter", "form", true),
  ];
  const types = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
  const refused: [Partial<HttpOperation>, JsonObject][] = [
    [{ parameters }, { _method: "DELETE" }],
    [{ parameters: parameters.slice(1) }, { filter: { ".method": "DELETE" } }],
    ...types.flatMap((media_type): [Partial<HttpOperation>, JsonObject][] => {
      const body = { argument: "body", media_type, encoding: {} };
      return ["_method", "_METHOD", "[method"].map((name) => [
        { method: "POST", body },
        { body: { [name]: "DELETE" } },
      ]);
    }),
  ];
  for (const [of, args] of refused) {
    const found = requestOf(operation(of), args, BASE);
    assert.ok("message" in found, JSON.stringify(args));
    assert.match(found.message, /_method/);
  }
  const body = { argument: "body", media_type: "application/json", encoding: {} };
  assert.ok(
    made(operation({ method: "POST", body }), { body: { method: "x", a: { _method: 1 } } }),
  );
});

Deno.test("a member of a form passes for no other field", () => {
  const encoding = {
    about: { style: "form", explode: true },
    card: { style: "deepObject", explode: true },
  } as const;
  const body = { argument: "body", media_type: "application/x-www-form-urlencoded", encoding };
  const of = operation({ method: "POST", body });
  for (
    const fields of [
      { amount: 1, about: { amount: 1000 } },
      { about: { "card[number]": 1 } },
      { "card[number]": 1 },
      { card: { "a][b": 1 } },
    ]
  ) {
    const found = requestOf(of, { body: fields }, BASE);
    assert.ok("message" in found, JSON.stringify(fields));
    assert.equal(found.path, "/body");
  }
  const request = made(of, { body: { amount: 1, about: { note: "n" }, card: { number: 4 } } });
  assert.equal(new TextDecoder().decode(request!.body!), "amount=1&note=n&card%5Bnumber%5D=4");
});

Deno.test("many fields cost no more than as many times one", () => {
  let looks = 0;
  const count = <T>(value: T): T => (looks++, value);
  const { startsWith, indexOf } = String.prototype;
  String.prototype.startsWith = function (...args) {
    return count(startsWith.apply(this, args));
  };
  String.prototype.indexOf = function (...args) {
    return count(indexOf.apply(this, args));
  };
  try {
    const body = {
      argument: "body",
      media_type: "application/x-www-form-urlencoded",
      encoding: {},
    };
    const fields = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`f${at}`, 1]));
    assert.ok(made(operation({ method: "POST", body }), { body: fields }) !== null);
  } finally {
    Object.assign(String.prototype, { startsWith, indexOf });
  }
  assert.ok(looks < 100_000, String(looks));
});

Deno.test("an element that holds what separates elements is refused, wherever it stands", () => {
  const places = [
    [parameter("query", "ids", "pipeDelimited", false), "a|b"],
    [parameter("query", "ids", "spaceDelimited", false), "a b"],
    [parameter("cookie", "ids", "form", true), "a,b"],
    [parameter("header", "ids", "simple", true), "a,b"],
  ] as const;
  for (const [one, element] of places) {
    const of = operation({ parameters: [one] });
    for (const ids of [["x", element], { x: element }, { [element]: "x" }]) {
      const found = requestOf(of, { ids }, BASE);
      assert.ok("message" in found && found.path === "/ids", JSON.stringify([one.style, ids]));
    }
    assert.ok(made(of, { ids: ["x", "y"] }) !== null);
  }
  const header = operation({ parameters: [parameter("header", "ids", "simple", true)] });
  assert.equal(made(header, { ids: { "a=b": "c" } }), null);
});

Deno.test("a part of the path of which nothing is left where servers drop semicolons is refused", () => {
  const of = operation({
    method: "DELETE",
    path: "/things/{id}",
    parameters: [parameter("path", "id", "matrix", true)],
  });
  assert.equal(made(of, { id: {} }), null);
  assert.equal(made(of, { id: 5 })!.address, `${BASE}/things/;id=5`);
});

Deno.test("a part of a form that has parts says that it is JSON, and is no file", () => {
  const encoding = { file: { content_type: "image/png" } };
  const body = { argument: "body", media_type: "multipart/form-data", encoding };
  const request = made(operation({ method: "POST", body }), {
    body: { about: { a: 1 }, name: "n", file: "AAEC" },
  });
  const text = new TextDecoder("latin1").decode(request!.body!);
  assert.match(text, /name="about"\r\ncontent-type: application\/json\r\n\r\n\{"a":1\}\r\n/);
  assert.match(text, /name="name"\r\n\r\nn\r\n/);
  assert.match(text, /name="file"; filename="file"\r\ncontent-type: image\/png\r\n\r\n/);
});

Deno.test("a comma within an element of a header is refused, for it would begin another", () => {
  const parameters = [parameter("header", "x-ids", "simple", false)];
  assert.ok("message" in requestOf(operation({ parameters }), { "x-ids": ["a,b"] }, BASE));
  const alone = requestOf(operation({ parameters }), { "x-ids": "a,b" }, BASE);
  assert.ok(!("message" in alone) && alone.headers["x-ids"] === "a,b");
});

Deno.test("members of what has parts are written in brackets, as deep as they go", () => {
  const parameters = [parameter("query", "a", "deepObject", true)];
  const args = { a: { b: { c: [1, 2] }, d: [{ e: "x" }], n: null } };
  const request = made(operation({ parameters }), args);
  assert.deepEqual([...new URL(addressWith(request!.address, request!.query)).searchParams], [
    ["a[b][c][]", "1"],
    ["a[b][c][]", "2"],
    ["a[d][0][e]", "x"],
  ]);
});
