import type { Entry } from "../../lib/ledger/entry.ts";
import { type Invariant, named, overLog, text } from "./evidence.ts";

/**
 * What was decided against what was in force, by the log alone: its entries say how the policy changed
 * and in which order.
 */

/** The policy of a simulated org, which knows tools, rules of one tool each, and switches. */
export class PolicyOfLog {
  version = 0;
  #orgOff = false;
  readonly #toolsOff = new Set<string>();
  /** The tools of servers whose definition nobody has taken. */
  readonly #drafts = new Set<string>();
  /** Those that are not offered any more. */
  readonly #gone = new Set<string>();
  readonly #rules = new Map<string, { tool: string; permission: string }>();

  constructor(readonly defaults: Readonly<Record<string, string>>) {}

  /** Takes the next entry into account. */
  take({ type, data, subject }: Entry): void {
    if (typeof data.policy_version === "number" && type !== "permission.checked") {
      this.version = Math.max(this.version, data.policy_version);
    }
    // Their entries do not say so, but what an agent's old secret began is void from then on, a
    // credential may be of another account, and a tool that somebody asked about is known.
    const isSilent = ["agent.rotated", "credential.rotated", "tool.auto_created"].includes(type);
    if (isSilent && this.version > 0) this.version++;
    const changed = (data.changed ?? {}) as Record<string, unknown>;
    const tool = text(subject.tool);
    if (type === "org.set" && typeof changed.kill_switch === "boolean") {
      this.#orgOff = changed.kill_switch;
    }
    if (type === "tool.set" && typeof changed.kill_switch === "boolean") {
      if (changed.kill_switch) this.#toolsOff.add(tool);
      else this.#toolsOff.delete(tool);
    }
    // A draft that is not offered any more is unknown from then on, and known as a draft when it is asked.
    if (type === "tool.removed") this.#drafts.add(tool);
    if (type.startsWith("tool.") && typeof changed.status === "string") {
      if (changed.status === "archived") this.#gone.add(tool);
      else this.#gone.delete(tool);
      if (changed.status === "draft") this.#drafts.add(tool);
      else this.#drafts.delete(tool);
    }
    if (type === "rule.set") {
      this.#rules.set(text(subject.rule), { tool, permission: text(changed.permission) });
    }
    if (type === "rule.removed") this.#rules.delete(text(subject.rule));
  }

  /** What it says of a tool. */
  permission(tool: string): string {
    if (this.#orgOff || this.#toolsOff.has(tool) || this.#gone.has(tool)) return "disabled";
    if (this.#drafts.has(tool)) return "requires_approval";
    for (const rule of this.#rules.values()) if (rule.tool === tool) return rule.permission;
    return this.defaults[tool] ?? "disabled";
  }
}

/** Every decision is that of the policy that the log shows at its place, and names its version. */
export const decidedByTheRules: Invariant = ({ tools }) => {
  const policy = new PolicyOfLog(tools);
  return overLog(function* (entry) {
    const { data, subject, type } = entry;
    if (type === "permission.checked") {
      const expected = policy.permission(text(subject.tool));
      // Under a mandate the answer may be narrower than what the policy alone says.
      const { permission } = (data.chain ?? data) as Record<string, unknown>;
      if (permission !== expected) {
        yield {
          invariant: "a decision is what the rules of its moment say",
          where: `${named(entry)} says ${permission} where they say ${expected}`,
        };
      }
      if (policy.version > 0 && data.policy_version !== policy.version) {
        yield {
          invariant: "a decision names the version that is in force",
          where: `${named(entry)} names ${data.policy_version}, in force is ${policy.version}`,
        };
      }
    }
    policy.take(entry);
  });
};
