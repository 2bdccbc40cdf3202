import type { Telling } from "../evidence/telling.ts";
import { withinQuotes } from "../text/within_quotes.ts";

/** Entries about who may ask and decide, about the log itself, and about what runs beside it. */
export const IDENTITY_SENTENCES = {
  "member.set": (t) => {
    const { role, groups } = t.changed;
    const said = t.said("role") ?? (typeof role === "string" ? role : null);
    const parts = [
      ...(said === null ? [] : [`the role ${said}`]),
      ...(Array.isArray(groups) ? [groupText(groups)] : []),
    ];
    return `${t.Who} gave ${t.nameOf(t.entry.subject.member)} ${
      parts.join(" and ") || "no change"
    }`;
  },
  "member.removed": (t) => `${t.Who} removed the member ${t.nameOf(t.entry.subject.member)}`,

  "api_key.created": (t) => `${t.Who} made the ${key(t)}`,
  "api_key.kept": (t) => `${t.Who} kept the operator's ${key(t)} in force`,
  "api_key.revoked": (t) => `${t.Who} revoked the ${key(t)}`,

  "agent.created": (t) => `${t.Who} made ${agent(t)}`,
  "agent.set": (t) => {
    const { kill_switch } = t.entry.data;
    return typeof kill_switch === "boolean"
      ? `${t.Who} turned the kill switch of ${agent(t)} ${kill_switch ? "on" : "off"}`
      : `${t.Who} changed ${agent(t)}`;
  },
  "agent.rotated": (t) => `${t.Who} gave ${agent(t)} a new token`,
  "agent.removed": (t) => `${t.Who} removed ${agent(t)}`,

  "audit.private_read": (t) =>
    `${t.Who} read private parts of the entries from ${t.count("from")} up to ${t.count("to")}`,
  "private.erased": (t) => {
    const { indexes } = t.entry.data;
    return Array.isArray(indexes)
      ? `${t.Who} erased private parts of ${indexes.length} entries`
      : `${t.Who} erased private parts of the entry ${t.count("index")}`;
  },
  "log_key.rotated": (t) => `${t.Who} handed the log over to a new signing key`,
  "clock.accepted": (t) =>
    `${t.Who} accepted the clock: it showed ${t.said("to") ?? "?"}, and ${
      t.said("from") ?? "?"
    } was expected`,
  "secret.rotated": () => "What this deployment keeps sealed lies under a new secret",
  "auth.failed": (t) =>
    `${t.count("count")} ${
      t.count("count") === 1 ? "attempt" : "attempts"
    } without valid credentials came from one source within a minute`,

  "alert.failed": (t) =>
    `An alert by ${t.said("channel") ?? "?"} to ${
      t.nameOf(t.entry.subject.member)
    } did not get through`,
  "alert_preference.set": (t) => `${t.Who} chose which alerts they get`,
  "push_key.created": () => "A key for browser push was made for this deployment",
} as const satisfies Record<string, (t: Telling) => string>;

function key(t: Telling): string {
  const tier = t.said("tier");
  return `${tier === null ? "" : `${tier} `}key “${
    withinQuotes(t.nameOf(t.entry.subject.api_key))
  }”`;
}

function agent(t: Telling): string {
  return `agent “${withinQuotes(t.nameOf(t.entry.subject.agent))}”`;
}

function groupText(groups: readonly unknown[]): string {
  return groups.length === 0 ? "no approver group" : `the approver groups ${groups.join(" and ")}`;
}
