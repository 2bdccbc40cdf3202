import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { argumentProblems } from "../../lib/schema/check.ts";
import { templateOf } from "../../routes/docs/openapi.ts";
import { resolved } from "../../routes/docs/schemas.ts";
import { ROUTES } from "../../routes/manifest.ts";
import type { Got, TestOrg } from "../helpers/countersign.ts";

/** What the document says of answers, held against those of a whole life of an organization. */
export class Documented {
  /** Operations of which a success was seen, as `get /v1/org`. */
  readonly seen = new Set<string>();
  readonly #checked = new Map<string, JsonObject>();

  constructor(readonly document: JsonObject, readonly org: TestOrg) {}

  /** Asks, and holds the answer against the document: no member of it may be missing there. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    key = this.org.management,
    headers: Record<string, string> = {},
  ): Promise<Got> {
    const got = await this.org.countersign.request(method, path, { key, body, headers });
    const route = routeOf(method, path.split("?", 1)[0] ?? "");
    const type = (got.headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
    const of = [templateOf(route.path), route.method, "responses", String(got.status)];
    const response = resolved(at(this.document, "paths", ...of), this.document);
    const schema = at(response, "content", type, "schema");
    const said = `${method} ${path} ${got.status} ${type} ${got.text.slice(0, 800)}`;
    assert.ok(Object.keys(schema).length > 0, `is not in the document: ${said}`);
    if (got.status >= 300) return got;
    this.seen.add(`${route.method} ${templateOf(route.path)}`);
    if (type === "application/json") {
      assert.deepEqual(argumentProblems(this.#closed(of.join(), schema), got.body), [], said);
    }
    return got;
  }

  /** A whole schema, and closed: what it does not name is a problem. */
  #closed(name: string, schema: JsonObject): JsonObject {
    const known = this.#checked.get(name);
    if (known !== undefined) return known;
    const text = JSON.stringify(wholeSchema(this.document, schema));
    const closed: JsonObject = JSON.parse(text, (_name, value) => {
      const isOpen = isJsonObject(value) && value.type === "object" &&
        isJsonObject(value.properties) && value.additionalProperties === undefined;
      return isOpen ? { ...value, unevaluatedProperties: false } : value;
    });
    this.#checked.set(name, closed);
    return closed;
  }
}

/** A schema of the document that is whole in itself. */
export function wholeSchema(document: JsonObject, schema: JsonObject): JsonObject {
  const $defs: Record<string, JsonValue> = {};
  const collect = (value: JsonValue): void => {
    for (const { $ref } of objectsIn(value)) {
      const name = typeof $ref === "string" ? $ref.split("/").at(-1) ?? "" : "";
      if (name === "" || name in $defs) continue;
      $defs[name] = at(document, "components", "schemas", name);
      collect($defs[name]);
    }
  };
  collect(schema);
  const text = JSON.stringify({ ...schema, $defs });
  return JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/"));
}

/** The object at a path; an empty one where there is none. */
export function at(value: JsonValue | undefined, ...path: string[]): JsonObject {
  let found: JsonValue | undefined = value;
  for (const part of path) found = isJsonObject(found) ? found[part] : undefined;
  return isJsonObject(found) ? found : {};
}

/** Every object inside a value. */
export function* objectsIn(value: JsonValue): Generator<JsonObject> {
  if (isJsonObject(value)) yield value;
  if (typeof value !== "object" || value === null) return;
  for (const inner of Object.values(value)) yield* objectsIn(inner);
}

/** The route that answers; one with fewer names in its path goes first. */
function routeOf(method: string, path: string) {
  const found = ROUTES.filter((route) => route.method === method.toLowerCase())
    .filter((route) => {
      const form = route.path.replace(/:\w+(\{[^}]*\})?/g, (_, rest) => rest ? "(.+)" : "[^/]+");
      return new RegExp(`^${form}$`).test(path);
    })
    .sort((a, b) => a.path.split(":").length - b.path.split(":").length);
  assert.ok(found[0] !== undefined, `${method} ${path} is a route`);
  return found[0];
}
