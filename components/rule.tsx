import type { Level, ResolvedFrom } from "../lib/policy/levels.ts";

/** A level of rules in words for people. */
export interface LevelWords {
  /** What a rule of the level names. */
  readonly title: string;
  /** What it is for, as a sentence. */
  readonly meaning: string;
}

/** The eight levels, by their names. */
export const LEVEL_WORDS: Readonly<Record<Level["name"], LevelWords>> = {
  resource_tool_method: {
    title: "Resource, tool and method",
    meaning: "One operation of one tool on one resource.",
  },
  resource_tool: { title: "Resource and tool", meaning: "One tool on one resource." },
  resource_method: {
    title: "Resource and method",
    meaning: "One operation on one resource, whatever the tool.",
  },
  resource: { title: "Resource", meaning: "Everything that is done to one resource." },
  tool_method: { title: "Tool and method", meaning: "One operation of one tool, on anything." },
  tool: { title: "Tool", meaning: "Every use of one tool." },
  method: { title: "Method", meaning: "One operation, such as DELETE, of every tool." },
  tag: { title: "Tag", meaning: "Every tool with the tag; of several tags the strictest wins." },
};

/** What can decide besides rules. */
type OtherOrigin = Exclude<ResolvedFrom, Level["tenant"] | Level["org"]>;

const OTHERS: Readonly<Record<OtherOrigin, LevelWords>> = {
  kill_switch: {
    title: "Kill switch",
    meaning: "A kill switch is on: of the organization, of the agent or of the tool.",
  },
  gate_unknown_tool: {
    title: "Unknown tool",
    meaning: "The tool is not in the catalog, and unknown tools are not discovered this way.",
  },
  gate_tool_disabled: {
    title: "Tool out of use",
    meaning: "The tool is disabled or archived.",
  },
  gate_tier: {
    title: "Trust tier",
    meaning: "The tool requires a higher trust tier than the one who asks has.",
  },
  gate_unknown_tenant: {
    title: "Unknown tenant",
    meaning: "There are rules for tenants, and the tenant that is named is not registered.",
  },
  gate_incomplete: {
    title: "Required facts",
    meaning: "The tool requires a fact (tenant, resource or method) that is not named.",
  },
  gate_method: {
    title: "Methods of the tool",
    meaning: "The tool lists the methods that it takes, and the call names none of them.",
  },
  gate_draft: {
    title: "Draft",
    meaning: "The tool is a draft: until somebody approves it, a person decides every use.",
  },
  tool_default: {
    title: "Default of the tool",
    meaning: "No rule speaks of it, so the tool's own default holds.",
  },
  category_default: {
    title: "Default of the category",
    meaning: "No rule speaks of it and the tool has no default, so its category's holds.",
  },
  tool_approved: {
    title: "Approved tool",
    meaning: "No rule and no default speaks of it; an approved tool is then allowed.",
  },
  fail_safe: {
    title: "Fail-safe",
    meaning: "Nothing at all speaks of it, so a person decides.",
  },
};

/** Where a decision came from, in words; a rule's with whose rule it is. */
export function originWords(from: ResolvedFrom): LevelWords {
  if (Object.hasOwn(OTHERS, from)) return OTHERS[from as OtherOrigin];
  const [half, ...rest] = from.split("_");
  const { title, meaning } = LEVEL_WORDS[rest.join("_") as Level["name"]];
  return half === "tenant"
    ? { title: `Tenant's rule by ${title.toLowerCase()}`, meaning }
    : { title: `Organization's rule by ${title.toLowerCase()}`, meaning };
}
