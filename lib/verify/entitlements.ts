import { isJsonObject } from "../json/json_value.ts";
import type { Right } from "../policy/rights.ts";
import type { StoryEntry } from "./story_entry.ts";

/** Who of the machines may write an entry, and whether anybody else may. */
interface Entitled {
  /** Tiers of keys, `agent` and `oauth_grant`. */
  readonly machines: readonly string[];
  readonly members: boolean;
  /** The service itself. */
  readonly others: boolean;
}

const RUNTIME = ["standard", "agent", "oauth_grant"];

/** What is decided, asked and run: only machines do, and each entry names the one that did. */
const BY_MACHINES: Entitled = { machines: RUNTIME, members: false, others: false };

const BY_TYPE: Readonly<Record<string, Entitled>> = {
  "permission.checked": BY_MACHINES,
  "tool.auto_created": BY_MACHINES,
  "approval.created": BY_MACHINES,
  "approval.asked_again": BY_MACHINES,
  "approval.decided": { machines: ["approver"], members: true, others: false },
  "approval.read": { machines: ["approver"], members: false, others: false },
  "approval.cancelled": { machines: RUNTIME, members: true, others: true },
  "approval.revoked": { machines: RUNTIME, members: true, others: false },
  "token.minted": BY_MACHINES,
  "token.consumed": BY_MACHINES,
  "token.refused": BY_MACHINES,
  "execution.logged": { machines: RUNTIME, members: false, others: true },
  "policy.staged": { machines: ["management"], members: true, others: false },
  "policy.applied": { machines: ["management"], members: true, others: false },
  "audit.private_read": { machines: ["standard", "management"], members: true, others: false },
};

/** What makes up the configuration, by the nouns of its entries. */
const CONFIGURED: ReadonlySet<string> = new Set([
  ...["org", "policy", "rule", "tool", "category", "tenant", "resource"],
  ...["agent", "api_key", "member", "invitation", "log_key"],
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
    case "api_key.kept":
      return "make_approver_keys";
    case "member.removed":
      return entry.subject("member") === actor.id ? "membership" : "manage_members";
  }
  if (OWN.has(type) || !CONFIGURED.has(noun)) return null;
  if (noun === "member" || noun === "invitation") return "manage_members";
  return switchIn(entry) === true ? "kill_switch_on" : "configure";
}

/** What an entry sets a kill switch to; null where it is about none. */
export function switchIn({ data }: StoryEntry): boolean | null {
  const told = isJsonObject(data.changed) ? data.changed : data;
  return typeof told.kill_switch === "boolean" ? told.kill_switch : null;
}
