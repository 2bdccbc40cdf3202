import { EVERYTHING, type SchemaNode } from "../../schema/evaluation.ts";
import {
  countOf,
  describe,
  type Keyword,
  type KeywordSite,
  schemaOf,
  schemasOf,
} from "../../schema/keyword.ts";
import { JsonValueSet } from "../json_equality.ts";

/** Keywords about the items of an array. */

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

const size: Keyword = {
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
  size,
  uniqueItems,
  unevaluatedItems,
];
