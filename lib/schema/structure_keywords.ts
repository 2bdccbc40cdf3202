import { isJsonObject, type JsonValue } from "../base/json.ts";
import { EVERYTHING, JsonValueSet, quoted, type SchemaNode } from "./evaluation.ts";
import {
  countOf,
  describe,
  type Keyword,
  type KeywordSite,
  membersOf,
  namesOf,
  schemaOf,
  schemasOf,
} from "./keyword.ts";
import type { LinearPattern } from "./pattern.ts";

/**
 * Keywords about what is in an object or an array. Names of members come from strangers, so they are
 * looked up in a Map or with `Object.hasOwn`: `__proto__` and `constructor` are names like any other.
 */

const required: Keyword = {
  names: ["required"],
  build(site) {
    const names = namesOf(site, site.own("required"), ["required"]);
    if (names === null) return null;
    return (value, run, at) => {
      if (!isJsonObject(value)) return true;
      run.spend(names.length);
      let valid = true;
      for (const name of names) {
        if (Object.hasOwn(value, name)) continue;
        valid = run.report(at, `lacks the required property ${quoted(name)}`);
        if (run.full) break;
      }
      return valid;
    };
  },
};

const properties: Keyword = {
  names: ["properties", "patternProperties", "additionalProperties"],
  build(site) {
    const named = new Map<string, SchemaNode>();
    for (const [name, schema] of membersOf(site, "properties")) {
      named.set(name, site.subschema(schema, ["properties", name]));
    }
    const patterned: { pattern: LinearPattern; node: SchemaNode }[] = [];
    for (const [source, schema] of membersOf(site, "patternProperties")) {
      const node = site.subschema(schema, ["patternProperties", source]);
      const pattern = site.pattern(source, ["patternProperties", source]);
      if (pattern !== null) patterned.push({ pattern, node });
    }
    const additional = schemaOf(site, "additionalProperties");
    const closed = site.own("additionalProperties") === false;
    return (value, run, at, marks) => {
      if (!isJsonObject(value)) return true;
      const names = Object.keys(value);
      run.spend(names.length);
      let valid = true;
      const apply = (node: SchemaNode, member: JsonValue, name: string) => {
        valid = run.evaluate(node, member, { parent: at, token: name }, null) && valid;
      };
      for (const name of names) {
        const member = value[name]!;
        const node = named.get(name);
        let known = node !== undefined;
        if (node !== undefined) apply(node, member, name);
        for (const candidate of patterned) {
          if (!run.matches(candidate.pattern, name)) continue;
          known = true;
          apply(candidate.node, member, name);
        }
        if (!known && closed) {
          valid = run.report(
            { parent: at, token: name },
            "is not among the properties that the schema allows",
          );
        } else if (!known && additional !== null) {
          known = true;
          apply(additional, member, name);
        }
        if (known) marks?.push(name);
        if (!valid && run.full) return false;
      }
      return valid;
    };
  },
};

const propertyNames: Keyword = {
  names: ["propertyNames"],
  build(site) {
    const node = schemaOf(site, "propertyNames")!;
    return (value, run, at) => {
      if (!isJsonObject(value)) return true;
      const names = Object.keys(value);
      run.spend(names.length);
      for (const name of names) {
        const reason = run.probe(node, name, null, null);
        if (reason === null) continue;
        const { message } = reason;
        return run.report(
          { parent: at, token: name },
          (brief) =>
            "has a name that is not allowed: the name " +
            (typeof message === "string" ? message : message(brief)),
        );
      }
      return true;
    };
  },
};

const memberCount: Keyword = {
  names: ["minProperties", "maxProperties"],
  build(site) {
    const min = countOf(site, "minProperties") ?? 0;
    const max = countOf(site, "maxProperties") ?? Infinity;
    return (value, run, at) => {
      if (!isJsonObject(value)) return true;
      const count = Object.keys(value).length;
      run.spend(count);
      if (count < min) return run.report(at, `has ${count} properties, expected at least ${min}`);
      if (count > max) return run.report(at, `has ${count} properties, expected at most ${max}`);
      return true;
    };
  },
};

/** `dependencies` is draft-07's union of the two others; 2020-12 keeps its meaning for old schemas. */
const dependencies: Keyword = {
  names: ["dependentRequired", "dependentSchemas", "dependencies"],
  build(site) {
    const requirements: [string, readonly string[]][] = [];
    const schemas: [string, SchemaNode][] = [];
    for (const keyword of ["dependentRequired", "dependencies"]) {
      for (const [name, value] of membersOf(site, keyword)) {
        if (keyword === "dependencies" && !Array.isArray(value)) {
          schemas.push([name, site.subschema(value, [keyword, name])]);
          continue;
        }
        const names = namesOf(site, value, [keyword, name]);
        if (names !== null) requirements.push([name, names]);
      }
    }
    for (const [name, value] of membersOf(site, "dependentSchemas")) {
      schemas.push([name, site.subschema(value, ["dependentSchemas", name])]);
    }
    return (value, run, at, marks) => {
      if (!isJsonObject(value)) return true;
      run.spend(requirements.length + schemas.length);
      let valid = true;
      for (const [trigger, names] of requirements) {
        if (!Object.hasOwn(value, trigger)) continue;
        run.spend(names.length);
        const missing = names.find((name) => !Object.hasOwn(value, name));
        if (missing === undefined) continue;
        valid = run.report(at, `has ${quoted(trigger)} and so must have ${quoted(missing)}`);
      }
      for (const [trigger, node] of schemas) {
        if (Object.hasOwn(value, trigger)) valid = run.evaluate(node, value, at, marks) && valid;
      }
      return valid;
    };
  },
};

const unevaluatedProperties: Keyword = {
  names: ["unevaluatedProperties"],
  late: true,
  build(site) {
    const node = schemaOf(site, "unevaluatedProperties")!;
    const closed = site.own("unevaluatedProperties") === false;
    return (value, run, at, marks) => {
      if (!isJsonObject(value)) return true;
      const names = Object.keys(value);
      run.spend(names.length + (marks?.length ?? 0));
      const evaluated = new Set(marks);
      let valid = true;
      for (const name of names) {
        if (evaluated.has(name) || evaluated.has(EVERYTHING)) continue;
        const place = { parent: at, token: name };
        valid = (closed
          ? run.report(place, "is not among the properties that the schema allows")
          : run.evaluate(node, value[name]!, place, null)) && valid;
        if (!valid && run.full) {
          break;
        }
      }
      marks?.push(EVERYTHING);
      return valid;
    };
  },
};

export const OBJECT_KEYWORDS: readonly Keyword[] = [
  required,
  properties,
  propertyNames,
  memberCount,
  dependencies,
  unevaluatedProperties,
];

/** Draft-07 writes a tuple as `items: […]` with `additionalItems` for the rest. */
function tupleOf(site: KeywordSite): { prefix: SchemaNode[]; rest: SchemaNode | null } {
  if (!Array.isArray(site.own("items"))) {
    return { prefix: schemasOf(site, "prefixItems"), rest: schemaOf(site, "items") };
  }
  if (!site.draft07) {
    site.refuse(["items"], "is an array, which 2020-12 calls prefixItems (or declare draft-07)");
  }
  return { prefix: schemasOf(site, "items"), rest: schemaOf(site, "additionalItems") };
}

const items: Keyword = {
  names: ["items", "prefixItems"],
  build(site) {
    const { prefix, rest } = tupleOf(site);
    return (value, run, at, marks) => {
      if (!Array.isArray(value)) return true;
      let valid = true;
      for (const [i, item] of value.entries()) {
        const node = prefix[i] ?? rest;
        if (node === null) break;
        valid = run.evaluate(node, item, { parent: at, token: i }, null) && valid;
        marks?.push(i);
        if (!valid && run.full) break;
      }
      return valid;
    };
  },
};

const contains: Keyword = {
  names: ["contains", "minContains", "maxContains"],
  build(site) {
    const node = schemaOf(site, "contains");
    const min = countOf(site, "minContains") ?? 1;
    const max = countOf(site, "maxContains") ?? Infinity;
    if (node === null) return null;
    return (value, run, at, marks) => {
      if (!Array.isArray(value)) return true;
      let count = 0;
      for (const [i, item] of value.entries()) {
        if (run.probe(node, item, null, null) !== null) continue;
        count += 1;
        marks?.push(i);
      }
      if (count < min) {
        return run.report(at, `has ${count} items matching contains, expected at least ${min}`);
      }
      if (count > max) {
        return run.report(at, `has ${count} items matching contains, expected at most ${max}`);
      }
      return true;
    };
  },
};

const itemCount: Keyword = {
  names: ["minItems", "maxItems"],
  build(site) {
    const min = countOf(site, "minItems") ?? 0;
    const max = countOf(site, "maxItems") ?? Infinity;
    return (value, run, at) => {
      if (!Array.isArray(value)) return true;
      const count = value.length;
      if (count < min) return run.report(at, `has ${count} items, expected at least ${min}`);
      if (count > max) return run.report(at, `has ${count} items, expected at most ${max}`);
      return true;
    };
  },
};

const uniqueItems: Keyword = {
  names: ["uniqueItems"],
  build(site) {
    const wanted = site.own("uniqueItems")!;
    if (typeof wanted !== "boolean") {
      return site.refuse(["uniqueItems"], `is ${describe(wanted)}, expected true or false`);
    }
    if (!wanted) return null;
    return (value, run, at) => {
      if (!Array.isArray(value)) return true;
      run.spend(value.length);
      const seen = new JsonValueSet();
      const repeated = value.findIndex((item) => !seen.add(item, run.spendCharacters));
      return repeated === -1 ||
        run.report({ parent: at, token: repeated }, "is equal to an earlier item");
    };
  },
};

const unevaluatedItems: Keyword = {
  names: ["unevaluatedItems"],
  late: true,
  build(site) {
    const node = schemaOf(site, "unevaluatedItems")!;
    return (value, run, at, marks) => {
      if (!Array.isArray(value)) return true;
      run.spend(value.length + (marks?.length ?? 0));
      const evaluated = new Set(marks);
      let valid = true;
      for (const [i, item] of value.entries()) {
        if (evaluated.has(i) || evaluated.has(EVERYTHING)) continue;
        valid = run.evaluate(node, item, { parent: at, token: i }, null) && valid;
        if (!valid && run.full) break;
      }
      marks?.push(EVERYTHING);
      return valid;
    };
  },
};

export const ARRAY_KEYWORDS: readonly Keyword[] = [
  items,
  contains,
  itemCount,
  uniqueItems,
  unevaluatedItems,
];
