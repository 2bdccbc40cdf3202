import assert from "node:assert/strict";
import { z } from "zod";
import {
  checkbox,
  formValues,
  lines,
  optional,
  optionalJson,
  optionalTime,
  optionalWhole,
  several,
  text,
  verbatim,
  whole,
} from "../../routes/dashboard/form.ts";

function parsed(body: string, schema: z.ZodType) {
  const headers = new Headers({ "content-type": "application/x-www-form-urlencoded" });
  return schema.safeParse(formValues(headers, new TextEncoder().encode(body)));
}

Deno.test("a form's fields become what the schemas of the API take", () => {
  const form = z.strictObject({
    name: text(z.string().min(1)),
    note: verbatim(z.string()),
    nothing: optional(z.string()),
    on: checkbox,
    off: checkbox,
    picked: several(z.enum(["a", "b"])),
    tags: lines(z.string()),
    count: whole(z.int().max(9)),
    limit: optionalWhole(z.int()),
    at: optionalTime,
    schema: optionalJson(z.json()),
  });
  const body =
    "name=+Acme+&note=+a%0D%0Ab+&on=on&picked=a&picked=b&tags=x,+y%0D%0A%0D%0Az&count=7" +
    "&at=2026-01-31T12:00&schema=%7B%22type%22:%22object%22%7D";
  assert.deepEqual(parsed(body, form).data, {
    name: "Acme",
    note: " a\nb ",
    nothing: null,
    on: true,
    off: false,
    picked: ["a", "b"],
    tags: ["x", "y", "z"],
    count: 7,
    limit: null,
    at: Date.UTC(2026, 0, 31, 12),
    schema: { type: "object" },
  });
});

Deno.test("a field that does not fit says what was expected", () => {
  const message = (body: string, schema: z.ZodType) =>
    parsed(body, schema).error?.issues.map(({ message }) => message).join("; ");
  assert.match(message("a=1&a=2", z.object({ a: text(z.string()) })) ?? "", /twice/);
  assert.match(message("a=x", z.object({ a: whole(z.int()) })) ?? "", /whole number/);
  assert.match(message("a=1e3", z.object({ a: optionalWhole(z.int()) })) ?? "", /whole number/);
  assert.match(message("a=tomorrow", z.object({ a: optionalTime })) ?? "", /must be a time/);
  assert.match(message("a=%7B", z.object({ a: optionalJson(z.json()) })) ?? "", /isn't JSON/);
  const twice = message("a=%7B%22x%22:1,%22x%22:2%7D", z.object({ a: optionalJson(z.json()) }));
  assert.match(twice ?? "", /isn't JSON/);
});

Deno.test("formValues() refuses other media types, other encodings and floods of fields", () => {
  const form = new Headers({ "content-type": "application/x-www-form-urlencoded; charset=utf-8" });
  const bytes = (value: string) => new TextEncoder().encode(value);
  const code = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  assert.equal(code(() => formValues(new Headers(), bytes("a=1"))), "invalid_request");
  const json = new Headers({ "content-type": "application/json" });
  assert.equal(code(() => formValues(json, bytes("{}"))), "invalid_request");
  assert.equal(code(() => formValues(form, new Uint8Array([0x61, 0x3d, 0xff]))), "malformed_json");
  assert.equal(code(() => formValues(form, bytes("a=&".repeat(3000)))), "invalid_request");
  assert.deepEqual({ ...formValues(form, bytes("__proto__=x&constructor=y")) }, {
    ["__proto__"]: ["x"],
    constructor: ["y"],
  });
});
