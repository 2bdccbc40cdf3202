import { memberOf } from "../base/json.ts";
import { withinQuotes } from "../base/text.ts";
import { kindName } from "../channels/kinds.ts";
import { checkedPermission } from "../ledger/entry.ts";
import type { LoggedEntry } from "../ledger/log_reader.ts";
import { keyOf } from "../policy/trace.ts";
import { cancelledWords } from "../sheet/sentence.ts";
import type { Permission } from "../store/records/vocabulary.ts";
import { GRANT_SENTENCES, PEOPLE_SENTENCES } from "./people_sentences.ts";
import { type Names, Telling, textOf, type Told } from "./telling.ts";

/**
 * Each type of entry in one plain sentence: the table of them. A type without one is a type that
 * nobody can choose or read.
 */

/** One entry in a list. JSON. */
export interface EntryRow {
  readonly index: number;
  /** RFC 3339. */
  readonly at: string;
  readonly type: string;
  /** Without a full stop; names and ids in it are as others wrote them. */
  readonly sentence: string;
  /** The answer of a check; null for every other entry. */
  readonly permission: Permission | null;
}

/** An entry as lists show it. */
export function entryRow({ index, entry }: LoggedEntry, names: Names): EntryRow {
  const { at, type } = entry;
  return {
    index,
    at,
    type,
    sentence: entrySentence(entry, names),
    permission: checkedPermission(entry),
  };
}

/** Entries about actions: asked, held, decided, authorized, run. */
const ACTION_SENTENCES = {
  "permission.checked": (t) =>
    `${t.Who} asked to run ${t.action}: ${answer(t)} (${t.said("resolved_from") ?? "?"})` +
    under(textOf(t.entry.subject.mandate)),
  "guard.found": (t) =>
    t.said("side") === "after"
      ? `A guard found ${foundKinds(t)} in what ${t.of("upstream")} answered to ${t.action}`
      : `A guard found ${foundKinds(t)} in the arguments of ${t.action}`,

  "approval.created": (t) =>
    `${t.Who} asked people to approve ${t.action} (${t.said("reference") ?? t.of("approval")})` +
    under(t.said("mandate_id")),
  "approval.asked_again": (t) => `${t.Who} asked again to approve ${t.action}`,
  "approval.read": (t) => `${t.Who} was shown the arguments of the request for ${t.action}`,
  "approval.level_skipped": (t) =>
    `The request for ${t.action} goes without Level 2: nobody there can decide`,
  "approval.decided": decided,
  "approval.assertion_refused": (t) =>
    `${t.Who} was refused to decide about ${t.action}: their passkey's signature did not fit ` +
    `(${t.said("why") ?? "?"})`,
  "approval.expired": (t) => `The request for ${t.action} expired before it was decided`,
  "approval.lapsed": (t) => `The approval of ${t.action} lapsed before it was used`,
  "approval.cancelled": cancelled,
  "approval.levels_raised": (t) =>
    `The request for ${t.action} needs a second approval now, as its tool does`,
  "approval.revoked": (t) => `${t.Who} revoked the approval of ${t.action}`,

  "token.minted": (t) =>
    `${t.Who} got a run token for ${t.action}` +
    under(textOf(t.entry.subject.mandate)),
  "token.consumed": (t) =>
    (t.entry.subject.call === undefined
      ? `${t.Who} used a run token for ${t.action}`
      : `${t.Who} had ${t.action} run through here`) +
    (t.said("binding") === "unchecked" ? ", without saying what it was about to run" : ""),
  "token.returned": (t) => `Nothing was sent of ${t.action}, so it counts as not run`,
  "token.refused": (t) =>
    t.said("code") === "token_invalid" && t.of("tool") === "?"
      ? `${t.Who} presented a run token that is none of this organization's`
      : `${t.Who} was refused with a run token for ${t.action} (${
        t.said("reason") ?? t.said("code") ?? "?"
      })`,

  "execution.logged": executed,
} as const satisfies Record<string, (t: Telling) => string>;

/** The mandate that something was asked under, at the end of a sentence. */
function under(mandate: string | null): string {
  return mandate === null ? "" : `, under the mandate ${mandate}`;
}

/** What guards found, by kind: `injection (override)`. */
function foundKinds(t: Telling): string {
  const { findings } = t.entry.data;
  const kinds = new Set(
    (Array.isArray(findings) ? findings : []).map((finding) =>
      `${textOf(memberOf(finding, "guard")) ?? "?"} (${textOf(memberOf(finding, "kind")) ?? "?"})`
    ),
  );
  return [...kinds].join(", ") || "something";
}

function answer(t: Telling): string {
  switch (t.said("permission")) {
    case "allowed":
      return "allowed";
    case "requires_approval":
      return "requires approval";
    default:
      return "disabled";
  }
}

function cancelled(t: Telling): string {
  const because = t.said("because");
  return because === "withdrawn"
    ? `${t.Who} withdrew the request for ${t.action}`
    : `The request for ${t.action} was cancelled: ${cancelledWords(because)}`;
}

function decided(t: Telling): string {
  const verb = t.said("decision") === "approve" ? "approved" : "denied";
  if (t.said("seat") === "user") {
    const by = t.said("asserted_by") === null ? "" : `, as ${t.who} says`;
    return `The user of the mandate ${t.of("mandate")} ${verb} ${t.action}${by}`;
  }
  const levels = t.count("levels") > 1
    ? ` at level ${t.count("level")} of ${t.count("levels")}`
    : "";
  const by = t.said("asserted_by") === null ? "" : `, as ${t.who} says`;
  return `${t.nameOf(t.entry.subject.member)} ${verb} ${t.action}${levels}${by}`;
}

function executed(t: Telling): string {
  const { actor, data } = t.entry;
  if (actor.type === "system") {
    return actor.id === "gateway"
      ? `Countersign saw ${result(t)} of ${t.action}`
      : `Nobody reported in time what came of ${t.action}`;
  }
  const late = data.late === true ? ", late" : "";
  const unattested = data.attested === false ? ", without a run token" : "";
  return `${t.Who} reported ${result(t)} of ${t.action}${late}${unattested}`;
}

function result(t: Telling): string {
  switch (t.said("execution_result")) {
    case "success":
      return "success";
    case "failed":
      return "the failure";
    case "error":
      return "an error";
    default:
      return "an unknown outcome";
  }
}

/** Entries about who may ask and decide, about the log itself, and about what runs beside it. */
const IDENTITY_SENTENCES = {
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

  "api_key.created": (t) => `${t.Who} made the ${key(t)}${forLogin(t)}`,
  "api_key.kept": (t) => `${t.Who} kept the operator's ${key(t)} in force`,
  "api_key.revoked": (t) => loginEnd(t, `the ${key(t)}`) ?? `${t.Who} revoked the ${key(t)}`,

  "agent.created": (t) => `${t.Who} made ${agent(t)}${forLogin(t)}`,
  "agent.set": (t) => {
    const { kill_switch } = t.entry.data;
    return typeof kill_switch === "boolean"
      ? `${t.Who} turned the kill switch of ${agent(t)} ${kill_switch ? "on" : "off"}`
      : `${t.Who} changed ${agent(t)}`;
  },
  "agent.rotated": (t) => `${t.Who} gave ${agent(t)} a new token`,
  "agent.removed": (t) => loginEnd(t, agent(t)) ?? `${t.Who} removed ${agent(t)}`,

  "login.allowed": (t) =>
    `${t.Who} let a computer in at its terminal, as ${
      t.said("gives") === "standard" ? "a standard key" : "an agent"
    }`,
  "login.denied": (t) => `${t.Who} denied a computer that asked to be let in`,

  "sub_token.created": (t) => `${t.Who} made the sub-token ${t.of("sub_token")}`,
  "sub_token.revoked": (t) =>
    `${t.Who} revoked the sub-token ${t.of("sub_token")} of ${t.named(t.entry.data.maker)}`,

  "audit.private_read": (t) =>
    `${t.Who} read private parts of the entries from ${t.count("from")} up to ${t.count("to")}`,
  "private.erased": (t) => {
    const { indexes } = t.entry.data;
    return Array.isArray(indexes)
      ? `${t.Who} erased private parts of ${indexes.length} entries`
      : `${t.Who} erased private parts of the entry ${t.count("index")}`;
  },
  "key.set": (t) =>
    t.said("replaces") === null
      ? "The receipts of what happens here got a signing key"
      : `${t.Who} gave receipts a new signing key`,
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

  "channel.made": (t) => `${t.Who} made ${channel(t)}: it is told of requests`,
  "channel.changed": (t) => {
    const { status, secret_replaced } = t.entry.data;
    if (status === "disabled") return `${t.Who} switched ${channel(t)} off`;
    if (status === "active") return `${t.Who} switched ${channel(t)} on`;
    return secret_replaced === true
      ? `${t.Who} gave ${channel(t)} another address or key`
      : `${t.Who} changed ${channel(t)}`;
  },
  "channel.removed": (t) => `${t.Who} removed ${channel(t)}`,
  "channel.disabled": (t) =>
    `Nothing is sent to ${channel(t)} any more: ${
      t.said("why") === "gone" ? "its provider says that it is gone" : "nothing arrived for days"
    }`,

  "webhook.made": (t) => `${t.Who} had events sent to the webhook ${t.of("webhook")}`,
  "webhook.changed": (t) => `${t.Who} changed the webhook ${t.of("webhook")}`,
  "webhook.rotated": (t) => `${t.Who} gave the webhook ${t.of("webhook")} a new secret`,
  "webhook.removed": (t) => `${t.Who} removed the webhook ${t.of("webhook")}`,
  "webhook.disabled": (t) =>
    `Nothing is sent to the webhook ${t.of("webhook")} any more: ${
      t.said("why") === "gone"
        ? "it answered that it is no longer there"
        : "nothing arrived there for five days"
    }`,

  "alert.failed": (t) =>
    `An alert by ${t.said("channel") ?? "?"} to ${
      t.nameOf(t.entry.subject.member)
    } did not get through`,
  "alert_preference.set": (t) => `${t.Who} chose which alerts they get`,
  "push_key.created": () => "A key for browser push was made for this deployment",
} as const satisfies Record<string, (t: Telling) => string>;

function key(t: Telling): string {
  const tier = t.said("tier");
  return t.machine(`${tier === null ? "" : `${tier} `}key`, t.entry.subject.api_key);
}

function channel(t: Telling): string {
  const kind = t.said("kind");
  return `the ${kind === null ? "" : `${kindName(kind)} `}channel ${t.of("channel")}`;
}

/** Said of a machine that a computer got which somebody let in. */
function forLogin(t: Telling): string {
  return t.said("login") === null ? "" : " for a computer that they let in";
}

/** How what a login gave has ended; null where somebody ended it. */
function loginEnd(t: Telling, machine: string): string | null {
  switch (t.said("because")) {
    case "signed_out":
      return `Whoever held its secret signed ${machine} out`;
    case "code_reused":
      return `The login of ${machine} ended: its code was used a second time, as a thief would, or ` +
        "its secret never arrived";
    default:
      return null;
  }
}

function agent(t: Telling): string {
  return t.machine("agent", t.entry.subject.agent);
}

function groupText(groups: readonly unknown[]): string {
  return groups.length === 0 ? "no approver group" : `the approver groups ${groups.join(" and ")}`;
}

/** Entries about what users let agents do. */
const MANDATE_SENTENCES = {
  "bundle.published": (t) =>
    `${t.Who} published edition ${t.count("edition")} of the bundle ${t.of("bundle")}`,
  "bundle.archived": (t) => `${t.Who} archived the bundle ${t.of("bundle")}`,
  "budget.set": (t) => `${t.Who} set the budget of ${budgeted(t)}`,
  "budget.removed": (t) => `${t.Who} took the budget of ${budgeted(t)} off`,
  "budget.settled": (t) =>
    `${t.Who} settled ${t.of("decision")} under the mandate ${t.of("mandate")}`,
  "tombstone.set": (t) => `${t.Who} closed the resource ${t.of("resource")} to all mandates`,
  "tombstone.removed": (t) => `${t.Who} opened the resource ${t.of("resource")} to mandates again`,
  "mandate.granted": (t) => `${t.Who} granted the mandate ${t.of("mandate")}`,
  "mandate.superseded": (t) =>
    `${t.Who} put the mandate ${t.said("by") ?? "?"} in the place of ${t.of("mandate")}`,
  "mandate.revoked": (t) => `${t.Who} revoked the mandate ${t.of("mandate")}`,
  "user.enrolment_opened": (t) => `${t.Who} made a link for a user's passkey`,
  "user.passkeys_set": (t) =>
    `${t.Who} set the passkeys of a user: ${t.count("added")} added, ${t.count("removed")} removed`,
} as const satisfies Record<string, (t: Telling) => string>;

function budgeted(t: Telling): string {
  switch (t.of("budget")) {
    case "tenant":
      return `the tenant ${t.of("tenant")}`;
    case "agent":
      return `the agent ${t.of("agent")}`;
    case "user":
      return "a user";
    default:
      return "the organization";
  }
}

/** Entries about what the organization decides by. */
const POLICY_SENTENCES = {
  "org.created": (t) =>
    `${t.Who} made the organization “${withinQuotes(t.said("name") ?? t.of("org"))}”`,
  "org.set": (t) => set(t, "the organization"),
  "org.deleted": (t) => `${t.Who} deleted the organization`,

  "tool.auto_created": (t) =>
    `${t.Who} asked about the unknown tool ${t.of("tool")}, which is a draft now`,
  "tool.set": (t) => set(t, `the tool ${t.of("tool")}`),
  "tool.archived": (t) => `${t.Who} archived the tool ${t.of("tool")}`,
  "tool.removed": (t) => `${t.Who} removed the tool ${t.of("tool")}`,

  "tool.offered": (t) =>
    `The upstream ${t.said("upstream") ?? "?"} offers the tool ${
      t.of("tool")
    }, which is a draft now`,
  "tool.drifted": (t) =>
    `The upstream ${t.said("upstream") ?? "?"} defines the tool ${t.of("tool")} in another way, ` +
    "which is closed until somebody approves it anew",

  "upstream.set": (t) => set(t, `the upstream ${t.of("upstream")}`),
  "upstream.removed": (t) => `${t.Who} removed the upstream ${t.of("upstream")}`,

  "credential.created": (t) => `${t.Who} put the credential ${t.of("credential")} into the vault`,
  "credential.rotated": (t) => `${t.Who} rotated the credential ${t.of("credential")}`,
  "credential.connected": (t) => `${t.Who} connected the credential ${t.of("credential")}`,
  "credential.needs_reconnect": (t) =>
    `The credential ${t.of("credential")} has to be connected again`,
  "credential.used_by_set": (t) =>
    `${t.Who} said for whom the credential ${t.of("credential")} acts`,
  "credential.refresh_stopped": (t) =>
    `The credential ${t.of("credential")} is not refreshed any more, for nobody used it`,
  "credential.deleted": (t) => `${t.Who} removed the credential ${t.of("credential")}`,

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

const SENTENCES: Readonly<Record<string, (t: Telling) => string>> = {
  ...ACTION_SENTENCES,
  ...MANDATE_SENTENCES,
  ...POLICY_SENTENCES,
  ...IDENTITY_SENTENCES,
  ...PEOPLE_SENTENCES,
  ...GRANT_SENTENCES,
};

/** The types of entries, in the order of a list to choose from. */
export const ENTRY_TYPES: readonly string[] = Object.keys(SENTENCES).sort();

/**
 * What an entry says, in one plain sentence without a full stop. Names, tools and external ids are
 * as others wrote them: a page shows hidden characters in it. Of a type that this version does not
 * know, who did what by its name.
 */
export function entrySentence(entry: Told, names: Names): string {
  const telling = new Telling(entry, names);
  const sentence = Object.hasOwn(SENTENCES, entry.type) ? SENTENCES[entry.type] : undefined;
  return sentence === undefined ? `${telling.Who}: ${entry.type}` : sentence(telling);
}
