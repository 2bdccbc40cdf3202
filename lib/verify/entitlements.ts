import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { Right } from "../policy/rights.ts";
import type { Finding } from "./finding.ts";
import type { StoryEntry } from "./story_entry.ts";

/**
 * Who may write which entries, and what a kill switch stops: the service's rules once more, written
 * down apart from its code, so that a log is not held against what wrote it. Only the rights of
 * roles are shared.
 */

/** Who of the machines may write an entry, and whether anybody else may. */
interface Entitled {
  /** Tiers of keys, `agent` and `oauth_grant`. */
  readonly machines: readonly string[];
  readonly members: boolean;
  /** The service itself. */
  readonly others: boolean;
  /** End users, where the service does not; whether they signed is asked elsewhere. */
  readonly users?: true;
}

const RUNTIME = ["standard", "agent", "oauth_grant"];

/** What is decided, asked and run: only machines do, and each entry names the one that did. */
const BY_MACHINES: Entitled = { machines: RUNTIME, members: false, others: false };

const BY_TYPE: Readonly<Record<string, Entitled>> = {
  "permission.checked": BY_MACHINES,
  "tool.auto_created": BY_MACHINES,
  "guard.found": { machines: RUNTIME, members: false, others: true },
  "approval.created": BY_MACHINES,
  "approval.asked_again": BY_MACHINES,
  "approval.decided": { machines: ["approver"], members: true, others: true },
  "user.enrolment_opened": { machines: ["management"], members: false, others: false },
  "user.passkeys_set": { machines: ["management"], members: false, others: true },
  "approval.read": { machines: ["approver"], members: false, others: false },
  "approval.cancelled": { machines: RUNTIME, members: true, others: true },
  "approval.revoked": { machines: RUNTIME, members: true, others: false },
  "token.minted": BY_MACHINES,
  "token.consumed": BY_MACHINES,
  "token.refused": BY_MACHINES,
  "token.returned": { machines: [], members: false, others: true },
  "execution.logged": { machines: RUNTIME, members: false, others: true },
  "member.named": { machines: [], members: true, others: false },
  "login.allowed": { machines: [], members: true, others: false },
  "login.denied": { machines: [], members: true, others: false },
  "policy.staged": { machines: ["management"], members: true, others: false },
  "policy.applied": { machines: ["management"], members: true, others: false },
  // An agent hands its own on; which are its own, `mandate_lines.ts` asks.
  "mandate.granted": {
    machines: ["management", "standard", "agent"],
    members: false,
    others: false,
  },
  "mandate.superseded": { machines: ["management", "standard"], members: false, others: false },
  "mandate.revoked": {
    machines: ["standard", "approver", "management"],
    members: true,
    others: false,
    users: true,
  },
  "budget.set": { machines: ["management"], members: false, others: false },
  "tombstone.set": { machines: ["management"], members: false, others: false },
  "tombstone.removed": { machines: ["management"], members: false, others: false },
  "budget.removed": { machines: ["management"], members: false, others: false },
  "budget.settled": BY_MACHINES,
  "sub_token.created": { machines: ["standard", "agent"], members: false, others: false },
  "sub_token.revoked": {
    machines: ["standard", "agent", "management"],
    members: true,
    others: false,
  },
  "bundle.published": { machines: ["management"], members: true, others: false },
  "bundle.archived": { machines: ["management"], members: true, others: false },
  "key.set": { machines: ["management"], members: true, others: true },
  "audit.private_read": { machines: ["standard", "management"], members: true, others: false },
};

/** What makes up the configuration, by the nouns of its entries. */
const CONFIGURED: ReadonlySet<string> = new Set([
  ...["org", "policy", "rule", "tool", "category", "tenant", "resource", "upstream"],
  ...["agent", "api_key", "member", "invitation", "log_key", "webhook", "channel", "credential"],
]);

/** Of these a person writes what they do for themselves, not what they may rule. */
const OWN: ReadonlySet<string> = new Set(["member.accepted"]);

/** Who may write an entry of this type; null where its type says nothing of that. */
export function tiersFor({ type, noun }: StoryEntry): Entitled | null {
  const told = Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type] : undefined;
  if (told !== undefined) return told;
  if (!CONFIGURED.has(noun)) return null;
  return { machines: ["management"], members: true, others: true };
}

/**
 * The right that a member needs for an entry; `membership` where it is enough to be one, null where
 * not even that is needed, because it is about themselves and may be told after they left.
 */
export function memberRight(entry: StoryEntry): Right | "membership" | null {
  const { type, noun, actor } = entry;
  switch (type) {
    case "approval.decided":
      return "decide";
    case "approval.revoked":
    case "approval.cancelled":
      return "membership";
    case "audit.private_read":
      return "export_private";
    case "recovery.confirmed":
      return "confirm_recovery";
    case "clock.accepted":
      return "accept_clock";
    case "org.deleted":
      return "delete_org";
    case "mandate.revoked":
    case "sub_token.revoked":
      return "kill_switch_on";
    case "bundle.published":
    case "bundle.archived":
    case "key.set":
    case "login.allowed":
    case "login.denied":
      return "configure";
    case "api_key.kept":
      return "make_approver_keys";
    case "member.named":
    case "member.removed":
      return entry.subject("member") === actor.id ? "membership" : "manage_members";
  }
  if (OWN.has(type) || !CONFIGURED.has(noun)) return null;
  if (noun === "member" || noun === "invitation") return "manage_members";
  return switchIn(entry) === true ? "kill_switch_on" : "configure";
}

/** What an entry sets a kill switch to; null where it is about none. */
function switchIn({ data }: StoryEntry): boolean | null {
  const told = isJsonObject(data.changed) ? data.changed : data;
  return typeof told.kill_switch === "boolean" ? told.kill_switch : null;
}

const ORG = "org";

/** The kill switches that are on, each with the entry that threw it. */
export class KillSwitches {
  readonly #on = new Map<string, number>();
  /** What policies that are not applied yet do to switches, by their generations. */
  readonly #staged = new Map<JsonValue | undefined, Map<string, boolean>>();

  /** What is wrong with an entry that lets something through, asked by this actor about its tool. */
  judge(entry: StoryEntry, asker: StoryEntry["actor"], what: string): Finding | null {
    const covers: [string, string][] = [
      [ORG, "the organization's kill switch"],
      [`tool ${entry.subject("tool")}`, "the kill switch of its tool"],
    ];
    if (asker.type === "agent") covers.push([`agent ${asker.id}`, "the kill switch of its agent"]);
    for (const [name, label] of covers) {
      const thrown = this.#on.get(name);
      if (thrown === undefined) continue;
      const passed = `${what}, though entry ${thrown} threw ${label}`;
      return entry.finding("kill_switch_passed", passed, thrown);
    }
    return null;
  }

  /** The entry that threw the switch which this one releases; null where it releases none. */
  released(entry: StoryEntry): number | null {
    for (const [name, active] of this.#changes(entry)) {
      const thrown = this.#on.get(name);
      if (!active && thrown !== undefined) return thrown;
    }
    return null;
  }

  /** Takes in what an entry does to a switch. */
  note(entry: StoryEntry): void {
    for (const [name, active] of this.#changes(entry)) {
      if (!active) this.#on.delete(name);
      else if (!this.#on.has(name)) this.#on.set(name, entry.index);
    }
    this.#noteStaged(entry);
  }

  /** What an entry does to switches: one of a policy that is only prepared does nothing yet. */
  #changes(entry: StoryEntry): Iterable<readonly [string, boolean]> {
    if (entry.type === "policy.applied") return this.#staged.get(entry.data.generation) ?? [];
    const name = switchOf(entry);
    if (name === null || entry.type === "tool.staged") return [];
    // A tool that is removed comes back, if it does, as a draft with its switch off.
    const active = entry.type === "tool.removed" ? false : switchIn(entry);
    return active === null ? [] : [[name, active]];
  }

  #noteStaged(entry: StoryEntry): void {
    const { generation } = entry.data;
    if (entry.type === "policy.applied" || entry.type === "policy.dropped") {
      this.#staged.delete(generation);
      return;
    }
    const active = switchIn(entry);
    const name = switchOf(entry);
    if (entry.type !== "tool.staged" || name === null || active === null) return;
    let staged = this.#staged.get(generation);
    if (staged === undefined) this.#staged.set(generation, staged = new Map());
    staged.set(name, active);
  }
}

/** The switch that an entry can be about. */
function switchOf(entry: StoryEntry): string | null {
  switch (entry.noun) {
    case "org":
      return ORG;
    case "tool":
    case "agent":
      return `${entry.noun} ${entry.subject(entry.noun)}`;
    default:
      return null;
  }
}
