import { cut, type Location, pointerOf, type Reason, type SchemaNode } from "./evaluation.ts";
import { describe, type Keyword, schemaOf, schemasOf } from "./keyword.ts";

/** Keywords that apply other schemas to the same value. */

function reference(name: "$ref" | "$dynamicRef"): Keyword {
  return {
    names: [name],
    build(site) {
      const value = site.own(name)!;
      if (typeof value !== "string") {
        return site.refuse([name], `is ${describe(value)}, expected a string`);
      }
      const anchor = name === "$dynamicRef" ? value.slice(value.indexOf("#") + 1) : null;
      let target: SchemaNode | null = null;
      site.reference(value, [name], (found) => target = found);
      return (value, run, at, marks) => {
        if (target === null) return run.report(at, "meets a reference that leads nowhere");
        // Only a reference that first lands on a dynamic anchor is looked up again at run time.
        const dynamic = anchor !== null && target.resource.dynamicAnchors.get(anchor) === target
          ? run.dynamicTarget(anchor)
          : undefined;
        return run.evaluate(dynamic ?? target, value, at, marks);
      };
    },
  };
}

const allOf: Keyword = {
  names: ["allOf"],
  build(site) {
    const nodes = schemasOf(site, "allOf");
    return (value, run, at, marks) => {
      let valid = true;
      for (const node of nodes) {
        valid = run.evaluate(node, value, at, marks) && valid;
        if (!valid && run.full) break;
      }
      return valid;
    };
  },
};

/** Says that no alternative matched and, unless it is to be brief, the first reasons why. */
function noneOf(keyword: string, at: Location | null, reasons: readonly Reason[]) {
  return (brief: boolean): string => {
    const fact = `matches none of the ${reasons.length} alternatives of ${keyword}`;
    if (brief) return fact;
    const here = pointerOf(at);
    const shown = reasons.slice(0, 4).map((reason) => {
      const message = typeof reason.message === "string" ? reason.message : reason.message(true);
      const below = pointerOf(reason.at).slice(here.length);
      return cut(below === "" ? message : `${below} ${message}`, 120);
    });
    return `${fact} (${shown.join("; ")}${reasons.length > shown.length ? "; …" : ""})`;
  };
}

const anyOf: Keyword = {
  names: ["anyOf"],
  build(site) {
    const nodes = schemasOf(site, "anyOf");
    return (value, run, at, marks) => {
      const reasons: Reason[] = [];
      let valid = false;
      for (const node of nodes) {
        const reason = run.probe(node, value, at, marks);
        if (reason !== null) {
          reasons.push(reason);
          continue;
        }
        valid = true;
        // With marks wanted, every alternative that matches counts as having evaluated.
        if (marks === null) break;
      }
      return valid || run.report(at, noneOf("anyOf", at, reasons));
    };
  },
};

const oneOf: Keyword = {
  names: ["oneOf"],
  build(site) {
    const nodes = schemasOf(site, "oneOf");
    return (value, run, at, marks) => {
      const reasons: Reason[] = [];
      let matched = -1;
      for (const [i, node] of nodes.entries()) {
        const reason = run.probe(node, value, at, marks);
        if (reason !== null) {
          reasons.push(reason);
        } else if (matched === -1) {
          matched = i;
        } else {
          return run.report(
            at,
            `matches the alternatives ${matched} and ${i} of oneOf, expected exactly one`,
          );
        }
      }
      return matched !== -1 || run.report(at, noneOf("oneOf", at, reasons));
    };
  },
};

const not: Keyword = {
  names: ["not"],
  build(site) {
    const node = schemaOf(site, "not")!;
    return (value, run, at) =>
      run.probe(node, value, at, null) !== null ||
      run.report(at, "matches what the schema excludes (not)");
  },
};

const conditional: Keyword = {
  names: ["if", "then", "else"],
  build(site) {
    const condition = schemaOf(site, "if");
    const consequence = schemaOf(site, "then");
    const alternative = schemaOf(site, "else");
    if (condition === null) return null;
    return (value, run, at, marks) => {
      const chosen = run.probe(condition, value, at, marks) === null ? consequence : alternative;
      return chosen === null || run.evaluate(chosen, value, at, marks);
    };
  },
};

export const APPLICATOR_KEYWORDS: readonly Keyword[] = [
  reference("$ref"),
  reference("$dynamicRef"),
  allOf,
  anyOf,
  oneOf,
  not,
  conditional,
];
