import { keyOf } from "../policy/trace.ts";
import { withinQuotes } from "../text/within_quotes.ts";
import { type Telling, textOf } from "./telling.ts";

/** Entries about what the organization decides by. */
export const POLICY_SENTENCES = {
  "org.created": (t) =>
    `${t.Who} made the organization “${withinQuotes(t.said("name") ?? t.of("org"))}”`,
  "org.set": (t) => set(t, "the organization"),
  "org.deleted": (t) => `${t.Who} deleted the organization`,

  "tool.auto_created": (t) =>
    `${t.Who} asked about the unknown tool ${t.of("tool")}, which is a draft now`,
  "tool.set": (t) => set(t, `the tool ${t.of("tool")}`),
  "tool.archived": (t) => `${t.Who} archived the tool ${t.of("tool")}`,
  "tool.removed": (t) => `${t.Who} removed the tool ${t.of("tool")}`,

  "category.set": (t) => set(t, `the category ${t.of("category")}`),
  "category.removed": (t) => `${t.Who} removed the category ${t.of("category")}`,
  "tenant.set": (t) => set(t, `the tenant ${t.of("tenant")}`),
  "tenant.removed": (t) => `${t.Who} removed the tenant ${t.of("tenant")}`,
  "resource.set": (t) => set(t, `the resource ${t.of("resource")}`),
  "resource.removed": (t) => `${t.Who} removed the resource ${t.of("resource")}`,

  "rule.set": (t) => {
    const permission = textOf(t.changed.permission);
    return permission === null
      ? `${t.Who} changed the note of the rule for ${ruled(t)}`
      : `${t.Who} set the rule for ${ruled(t)} to ${permission}`;
  },
  "rule.removed": (t) => `${t.Who} removed the rule for ${ruled(t)}`,

  // A policy of several commits: what is prepared holds once it is applied.
  "policy.staged": (t) => `${t.Who} began to apply a policy with ${counted(t)}`,
  "tool.staged": (t) => prepared(t, `the tool ${t.of("tool")}`),
  "category.staged": (t) => prepared(t, `the category ${t.of("category")}`),
  "tenant.staged": (t) => prepared(t, `the tenant ${t.of("tenant")}`),
  "resource.staged": (t) => prepared(t, `the resource ${t.of("resource")}`),
  "rule.staged": (t) => {
    const permission = textOf(t.changed.permission);
    const to = permission === null ? "" : ` to ${permission}`;
    return prepared(t, `the rule for ${ruled(t)}${to}`);
  },
  "policy.applied": (t) => `${t.Who} applied the policy with ${counted(t)}`,
  "policy.dropped": (t) => `${t.Who} dropped a policy that was being applied; none of it holds`,
} as const satisfies Record<string, (t: Telling) => string>;

/** Of more fields than these a sentence gives the number only: those of a new record, mostly. */
const MAX_NAMED_FIELDS = 4;

/** A kill switch is what people look for, so it is named before anything that changed with it. */
function set(t: Telling, what: string): string {
  const { kill_switch, ...rest } = t.changed;
  const fields = Object.keys(rest);
  const named = fields.length > MAX_NAMED_FIELDS ? `${fields.length} fields` : fields.join(", ");
  // A new record has a switch that is off, which is no news.
  if (typeof kill_switch !== "boolean" || (!kill_switch && fields.length > 0)) {
    return `${t.Who} set ${named || "private fields"} of ${what}`;
  }
  const also = named === "" ? "" : ` and set ${named}`;
  return `${t.Who} turned the kill switch of ${what} ${kill_switch ? "on" : "off"}${also}`;
}

/** What a larger policy does once it is applied. */
function prepared(t: Telling, what: string): string {
  const { does } = t.entry.data;
  const verb = does === "removed" ? "remove" : does === "archived" ? "archive" : "set";
  return `${t.Who} prepared to ${verb} ${what}, as a part of a larger policy`;
}

function counted(t: Telling): string {
  const { changes } = t.entry.data;
  if (typeof changes !== "number") return "changes";
  return changes === 1 ? "1 change" : `${changes} changes`;
}

function ruled(t: Telling): string {
  const { tenant, resource, tool, method, tag } = t.entry.subject;
  const parts = Object.entries({ tenant, resource, tool, method, tag })
    .flatMap(([name, value]) => typeof value === "string" ? [[name, value]] : []);
  return keyOf(Object.fromEntries(parts));
}
