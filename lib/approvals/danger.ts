import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { AskHistory } from "../store/records/approval.ts";
import type { RequesterType } from "../store/records/identity.ts";
import type { Annotations, ToolRecord } from "../store/records/policy.ts";

/**
 * What is dangerous about a request, said before anything else of it: by its page, each row of a
 * list, mail and push. `dangersOf` is the one place that decides which words those are. Pure; the
 * browser loads it too. `danger_facts.ts` reads what it is asked about.
 */

/** What speaks against a request, or asks for a second look. */
export type DangerKind = "destructive" | "open_world" | "denied" | "first" | "larger";

/** One mark under a request's sentence. */
export interface Danger {
  readonly kind: DangerKind;
  readonly tone: "warning" | "danger";
  /** As a page, a mail and a push have it. */
  readonly words: string;
  /** The same where there is little room. */
  readonly short: string;
}

/** How dangerous a request is: always a risk, and the marks of what is out of the ordinary. */
export interface Dangers {
  readonly risk: ToolRecord["risk_level"];
  readonly marks: readonly Danger[];
}

/** What the marks of a request are made from. */
export interface DangerFacts {
  /** The tool as the approver is shown it; null where nobody knows it, which counts as the worst. */
  readonly tool: {
    readonly risk_level: ToolRecord["risk_level"];
    readonly annotations: Pick<Annotations, "destructive" | "open_world">;
  } | null;
  readonly requester: RequesterType;
  /** How often this requester asked for this very action, and was denied. */
  readonly history: Pick<AskHistory, "asked" | "denied">;
  /** Whose call of this tool was approved before; null where that is not asked any more. */
  readonly approved: "of_requester" | "of_others" | "of_nobody" | null;
  /** Null where they are not known. */
  readonly arguments: JsonObject | null;
  /** Those of the last approved call of the tool; null where there is none to compare with. */
  readonly last_arguments: JsonObject | null;
}

/** From how many times the last approved value on a value counts as larger than usual. */
const LARGER_FROM = 2;

const WHOSE: Readonly<Record<RequesterType, string>> = {
  agent: "this agent",
  api_key: "this key",
  oauth_grant: "this program",
};

/**
 * The danger of a request, the worst first. A mark only ever asks for more attention: nothing that
 * a requester sends takes one away which its tool or its history earned.
 */
export function dangersOf(facts: DangerFacts): Dangers {
  const { tool, requester, history, approved } = facts;
  const marks: Danger[] = [];
  if (tool?.annotations.destructive ?? true) {
    marks.push(mark("destructive", "danger", "Destructive"));
  }
  if (history.denied > 0) {
    const denied = `denied ${times(history.denied)}`;
    const asked = `Asked ${times(history.asked)}, ${denied}`;
    marks.push(mark("denied", "warning", asked, `Denied ${times(history.denied)}`));
  }
  const growth = largestGrowth(facts.last_arguments, facts.arguments);
  if (growth === Infinity) {
    marks.push(mark("larger", "warning", "Was 0 in the last approved", "Was 0"));
  } else if (growth !== null && growth >= LARGER_FROM) {
    const ratio = ratioText(growth);
    marks.push(mark("larger", "warning", `${ratio} the last approved`, `${ratio} last`));
  }
  if (approved === "of_nobody") {
    marks.push(mark("first", "warning", "First approval of this tool", "First time"));
  } else if (approved === "of_others") {
    const words = `First approval for ${WHOSE[requester]}`;
    marks.push(mark("first", "warning", words, "First time"));
  }
  if (tool?.annotations.open_world ?? true) {
    marks.push(mark("open_world", "warning", "Leaves your systems"));
  }
  return { risk: tool?.risk_level ?? "critical", marks };
}

/** The danger of a request in one line of plain text. */
export function dangerLine({ risk, marks }: Dangers): string {
  return [RISK_WORDS[risk], ...marks.map(({ words }) => words)].join(" · ");
}

/** A risk in words, for sentences and lists. */
export const RISK_WORDS: Readonly<Record<ToolRecord["risk_level"], string>> = {
  low: "Low risk",
  medium: "Medium risk",
  high: "High risk",
  critical: "Critical risk",
};

function mark(kind: DangerKind, tone: Danger["tone"], words: string, short = words): Danger {
  return { kind, tone, words, short };
}

function times(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${count} times`;
}

/**
 * How many times the number at the same place of an earlier call a number has become, or a list the
 * length, the most of all. Null where nothing can be compared, infinite where there was nothing.
 */
function largestGrowth(before: JsonValue | null, after: JsonValue | null): number | null {
  let largest: number | null = null;
  const walk = (was: JsonValue, is: JsonValue, name: string) => {
    const [from, to] = [amountOf(was, name), amountOf(is, name)];
    if (from !== null && to !== null) {
      largest = Math.max(largest ?? 0, to === from ? 1 : to / from);
    }
    if (Array.isArray(was) && Array.isArray(is)) {
      for (const [at, item] of is.slice(0, was.length).entries()) {
        walk(was[at] ?? null, item, name);
      }
    } else if (isJsonObject(was) && isJsonObject(is)) {
      for (const [key, value] of Object.entries(is)) {
        if (Object.hasOwn(was, key)) walk(was[key] ?? null, value, key);
      }
    }
  };
  walk(before, after, "");
  return largest;
}

/** Names of numbers that say which, when or where and not how much, by their last word. */
const NOT_AMOUNTS = new Set(
  "at code date id ids iban index key no number offset page phone port seed time timestamp version year zip"
    .split(" "),
);

/** A number as money is often written, in a text. */
const DECIMAL = /^-?\d{1,15}(\.\d{1,8})?$/;

/** How much a value is: of a number its size, of a list its length; null for what is no amount. */
function amountOf(value: JsonValue, name: string): number | null {
  if (Array.isArray(value)) return value.length;
  const word = name.match(/[A-Z]?[a-z]+|[A-Z]+/g)?.at(-1)?.toLowerCase() ?? "";
  if (NOT_AMOUNTS.has(word)) return null;
  if (typeof value === "string") return DECIMAL.test(value) ? Math.abs(Number(value)) : null;
  return typeof value === "number" ? Math.abs(value) : null;
}

function ratioText(ratio: number): string {
  if (ratio > 1_000_000) return "Over 1,000,000×";
  const rounded = ratio < 10 ? Math.floor(ratio * 10) / 10 : Math.floor(ratio);
  return `${rounded.toLocaleString("en")}×`;
}
