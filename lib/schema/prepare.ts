import { isJsonObject, type JsonObject, type JsonValue, memberOf } from "../base/json.ts";
import { APPLICATOR_KEYWORDS } from "./applicator_keywords.ts";
import {
  type Location,
  MAX_PROBLEMS,
  type ParameterProblem,
  pointerOf,
  quoted,
  type SchemaNode,
  type SchemaResource,
} from "./evaluation.ts";
import { describe, type Keyword, type KeywordSite, type Token } from "./keyword.ts";
import { type LinearPattern, linearPattern } from "./pattern.ts";
import { ARRAY_KEYWORDS, OBJECT_KEYWORDS } from "./structure_keywords.ts";
import { ANNOTATION_KEYWORDS, VALUE_KEYWORDS } from "./value_keywords.ts";

/**
 * A schema read once, before it is used: keywords bound to their values, patterns compiled,
 * references resolved inside of it. With any problem it is not used at all.
 */

/** Cheap checks first: what fails early in an `anyOf` saves the rest. */
const KEYWORDS: readonly Keyword[] = [
  ...VALUE_KEYWORDS,
  ...OBJECT_KEYWORDS,
  ...ARRAY_KEYWORDS,
  ...APPLICATOR_KEYWORDS,
  ...ANNOTATION_KEYWORDS,
];

/** Which of them a member of a schema belongs to, by their places in the list. */
const KEYWORD_OF: ReadonlyMap<string, number> = new Map(
  KEYWORDS.flatMap(({ names }, place) => names.map((name) => [name, place] as const)),
);

/** What gives a schema, or a place in it, a name of its own. */
const NAMING: ReadonlySet<string> = new Set(["$schema", "$id", "$anchor", "$dynamicAnchor"]);

/** The keywords of a schema, in the order in which they are checked, and whether it has names. */
function keywordsOf(schema: JsonObject): { readonly places: number[]; readonly isNamed: boolean } {
  const places: number[] = [];
  let isNamed = false;
  for (const name in schema) {
    const place = KEYWORD_OF.get(name);
    isNamed ||= NAMING.has(name);
    if (place !== undefined && !places.includes(place)) places.push(place);
  }
  return { places: places.sort((a, b) => a - b), isNamed };
}

const DIALECT = /^https?:\/\/json-schema\.org\/(draft\/2020-12|draft-07)\/schema#?$/;

/** Where a schema without `$id` is said to live, so that relative references resolve. */
const OWN_BASE = "parameters:/";

const ANCHOR = /^[A-Za-z_][-A-Za-z0-9._]*$/;

/** What all patterns of a schema may compile to together, in instructions: some 20 ms. */
const MAX_PATTERN_TOTAL = 10_000;

/** Reading and compiling even the shortest pattern takes as long as this many instructions. */
const PATTERN_OVERHEAD = 20;

interface Resource extends SchemaResource {
  readonly root: JsonObject;
}

/** A schema made ready for validation; with problems it must not be used. */
export interface PreparedSchema {
  readonly root: SchemaNode;
  readonly problems: readonly ParameterProblem[];
}

/**
 * Reads a whole schema once: checks the form of every keyword, compiles patterns, resolves
 * references inside the schema. The caller has bounded its size and nesting.
 */
export function prepareSchema(schema: JsonObject): PreparedSchema {
  return new Preparation(schema).run();
}

class Preparation {
  readonly #schema: JsonObject;
  readonly #problems: ParameterProblem[] = [];
  readonly #nodes = new Map<JsonObject, SchemaNode>();
  readonly #resources = new Map<string, Resource>();
  readonly #patterns = new Map<string, LinearPattern | string>();
  readonly #references: (() => void)[] = [];
  #patternTotal = 0;
  draft07 = false;

  constructor(schema: JsonObject) {
    this.#schema = schema;
  }

  run(): PreparedSchema {
    const base: Resource = this.#resource(OWN_BASE, this.#schema);
    const dialect = memberOf(this.#schema, "$schema");
    this.draft07 = typeof dialect === "string" && DIALECT.exec(dialect)?.[1] === "draft-07";
    const root = this.prepare(this.#schema, null, base);
    for (const resolve of this.#references) resolve();
    return { root, problems: this.#problems };
  }

  refuse(at: Location | null, message: string): null {
    if (this.#problems.length < MAX_PROBLEMS) {
      this.#problems.push({ path: pointerOf(at), message });
    }
    return null;
  }

  #resource(uri: string, root: JsonObject): Resource {
    const resource = { uri, root, anchors: new Map(), dynamicAnchors: new Map() };
    this.#resources.set(uri, resource);
    return resource;
  }

  prepare(value: JsonValue, at: Location | null, outer: Resource): SchemaNode {
    if (typeof value === "boolean") return booleanNode(value, outer);
    if (!isJsonObject(value)) {
      this.refuse(at, `is ${describe(value)}, expected a schema (an object, true or false)`);
      return booleanNode(false, outer);
    }
    const known = this.#nodes.get(value);
    if (known !== undefined) return known;
    const { places, isNamed } = keywordsOf(value);
    const resource = isNamed ? this.#identify(value, at, outer) : outer;
    const node: SchemaNode = { resource, checks: [], late: [] };
    this.#nodes.set(value, node);
    if (isNamed) this.#anchor(value, at, resource, node);
    const site = new Site(this, value, at, resource);
    for (const place of places) {
      const keyword = KEYWORDS[place]!;
      const check = keyword.build(site);
      if (check !== null) (keyword.late ? node.late : node.checks).push(check);
    }
    return node;
  }

  /** Reads `$schema` and `$id`. Returns the resource that the schema belongs to. */
  #identify(schema: JsonObject, at: Location | null, outer: Resource): Resource {
    const dialect = memberOf(schema, "$schema");
    if (dialect !== undefined) {
      const name = typeof dialect === "string" ? DIALECT.exec(dialect)?.[1] : undefined;
      if (name === undefined || (name === "draft-07") !== this.draft07) {
        this.refuse(
          { parent: at, token: "$schema" },
          `is ${
            quoted(String(dialect))
          }, expected JSON Schema 2020-12 or draft-07, the same throughout`,
        );
      }
    }
    const id = memberOf(schema, "$id");
    // Draft-07 names an anchor with `$id: "#name"`; see #anchor.
    if (id === undefined || (this.draft07 && typeof id === "string" && id.startsWith("#"))) {
      return outer;
    }
    const place = { parent: at, token: "$id" };
    const uri = typeof id === "string" ? absolute(id, outer.uri) : null;
    if (uri === null || uri.fragment !== "") {
      this.refuse(place, `is ${quoted(String(id))}, expected a URI reference without fragment`);
      return outer;
    }
    if (this.#resources.has(uri.base)) {
      this.refuse(place, `is ${quoted(uri.base)}, which another schema in it is called already`);
    }
    return this.#resource(uri.base, schema);
  }

  #anchor(schema: JsonObject, at: Location | null, resource: Resource, node: SchemaNode): void {
    const id = memberOf(schema, "$id");
    const named = this.draft07 && typeof id === "string" && id.startsWith("#") && id !== "#"
      ? id.slice(1)
      : undefined;
    for (const keyword of ["$anchor", "$dynamicAnchor", "$id"]) {
      const name = keyword === "$id" ? named : memberOf(schema, keyword);
      if (name === undefined) continue;
      const place = { parent: at, token: keyword };
      if (typeof name !== "string" || !ANCHOR.test(name)) {
        this.refuse(place, `is ${quoted(String(name))}, expected a name such as "address"`);
        continue;
      }
      const taken = resource.anchors.get(name);
      if (taken !== undefined && taken !== node) {
        this.refuse(place, `is ${quoted(name)}, which names another schema already`);
      }
      resource.anchors.set(name, node);
      if (keyword === "$dynamicAnchor") resource.dynamicAnchors.set(name, node);
    }
  }

  /** Resolves a reference once the whole schema is known. */
  later(
    reference: string,
    from: Resource,
    at: Location | null,
    found: (target: SchemaNode) => void,
  ): void {
    this.#references.push(() => {
      const target = this.#resolve(reference, from, at);
      if (target !== null) found(target);
    });
  }

  pattern(source: string, at: Location | null): LinearPattern | null {
    let pattern = this.#patterns.get(source);
    if (pattern === undefined) {
      pattern = this.#patternTotal > MAX_PATTERN_TOTAL
        ? "is one pattern too many: together they are too large to match in bounded time"
        : linearPattern(source);
      this.#patterns.set(source, pattern);
      if (typeof pattern !== "string") this.#patternTotal += pattern.size + PATTERN_OVERHEAD;
    }
    return typeof pattern === "string" ? this.refuse(at, pattern) : pattern;
  }

  /** Finds the schema that a reference means. Nothing outside of this schema is ever fetched. */
  #resolve(reference: string, from: Resource, at: Location | null): SchemaNode | null {
    const uri = absolute(reference, from.uri);
    const resource = uri === null ? undefined : this.#resources.get(uri.base);
    if (uri === null || resource === undefined) {
      return this.refuse(
        at,
        `is ${quoted(reference)}, which is outside of this schema; put what it means under $defs`,
      );
    }
    const target = uri.fragment === "" || uri.fragment.startsWith("/")
      ? this.#at(resource, uri.fragment)
      : resource.anchors.get(uri.fragment);
    return target ??
      this.refuse(at, `is ${quoted(reference)}, where this schema has no subschema`);
  }

  /** The subschema at a JSON Pointer from the root of a resource. */
  #at(resource: Resource, pointer: string): SchemaNode | undefined {
    let value: JsonValue | undefined = resource.root;
    for (const part of pointer.split("/").slice(1)) {
      const token = part.replaceAll("~1", "/").replaceAll("~0", "~");
      value = typeof value === "object" && value !== null && Object.hasOwn(value, token)
        ? (value as JsonObject)[token]
        : undefined;
    }
    if (typeof value === "boolean") return booleanNode(value, resource);
    return isJsonObject(value) ? this.#nodes.get(value) : undefined;
  }
}

/** A schema as its keywords see it. */
class Site implements KeywordSite {
  constructor(
    readonly of: Preparation,
    readonly schema: JsonObject,
    readonly at: Location | null,
    readonly resource: Resource,
  ) {}

  get draft07(): boolean {
    return this.of.draft07;
  }

  own(keyword: string): JsonValue | undefined {
    return memberOf(this.schema, keyword);
  }

  subschema(value: JsonValue, tokens: readonly Token[]): SchemaNode {
    return this.of.prepare(value, this.#below(tokens), this.resource);
  }

  pattern(source: string, tokens: readonly Token[]): LinearPattern | null {
    return this.of.pattern(source, this.#below(tokens));
  }

  reference(
    reference: string,
    tokens: readonly Token[],
    found: (target: SchemaNode) => void,
  ): void {
    this.of.later(reference, this.resource, this.#below(tokens), found);
  }

  refuse(tokens: readonly Token[], message: string): null {
    return this.of.refuse(this.#below(tokens), message);
  }

  #below(tokens: readonly Token[]): Location | null {
    let at = this.at;
    for (const token of tokens) at = { parent: at, token };
    return at;
  }
}

function booleanNode(allowed: boolean, resource: SchemaResource): SchemaNode {
  const refuse: SchemaNode["checks"][number] = (_value, run, at) =>
    run.report(at, "is not allowed by the schema");
  return { resource, checks: allowed ? [] : [refuse], late: [] };
}

/** A URI reference made absolute and split at its decoded fragment; null when it is malformed. */
function absolute(reference: string, base: string): { base: string; fragment: string } | null {
  try {
    if (reference.startsWith("#")) {
      return { base, fragment: decodeURIComponent(reference.slice(1)) };
    }
    const url = new URL(reference, base);
    const fragment = decodeURIComponent(url.hash.slice(1));
    url.hash = "";
    return { base: url.href, fragment };
  } catch {
    return null;
  }
}
