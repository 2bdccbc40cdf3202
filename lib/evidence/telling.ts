import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { idTail } from "../base/confusables.ts";
import { personWords } from "../base/person.ts";
import { withinQuotes } from "../base/text.ts";
import type { Actor, Entry } from "../ledger/entry.ts";
import { type ActivityBudget, type ActivityQuery, readActivity } from "../ledger/log_reader.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { actionParts } from "../sheet/sentence.ts";
import type { Kv } from "../store/kv.ts";
import type { ToolRecord } from "../store/records/policy.ts";

/** What a sentence is made from. */
export type Told = Pick<Entry, "type" | "actor" | "subject" | "data">;

/** An entry in the words that its sentence needs. Names and ids stand as they came. */
export class Telling {
  constructor(readonly entry: Told, readonly names: Names) {}

  /** Who did it, as the beginning of a sentence. */
  get Who(): string {
    const who = this.who;
    return /^(agent|key|account|program) /.test(who)
      ? who.charAt(0).toUpperCase() + who.slice(1)
      : who;
  }

  /**
   * Who did it. What kind it is goes along, for a key may be named like a person, and the sub-token that
   * it was done through.
   */
  get who(): string {
    const { sub_token } = this.entry.actor;
    const through = typeof sub_token === "string" ? ` (sub-token ${sub_token})` : "";
    return this.named(this.entry.actor) + through;
  }

  /** Who somebody else that an entry names by type and id is. */
  named(actor: JsonValue | undefined): string {
    if (!isJsonObject(actor)) return "somebody";
    const { type, id } = actor;
    switch (type) {
      case "agent":
        return this.machine("agent", id);
      case "api_key":
        return this.machine("key", id);
      case "member":
        return this.nameOf(id);
      case "oauth_grant":
        return this.program(id);
      case "account":
        return `account ${this.nameOf(id)}`;
      case "user":
        return "a user";
      default:
        return "Countersign";
    }
  }

  /** A machine of a kind, by its name and the end of its id; by its id alone once it has no name. */
  machine(kind: string, id: JsonValue | undefined, name = this.nameOf(id)): string {
    const tail = typeof id === "string" && name !== id ? ` ${idTail(id)}` : "";
    return `${kind} “${withinQuotes(name)}”${tail}`;
  }

  /** A program that acts for a member, as it called itself then. */
  program(grant: JsonValue | undefined): string {
    return this.machine("program", grant, this.said("client_name") ?? this.nameOf(grant));
  }

  /** What an id is called; the id itself when nobody is called so any more. */
  nameOf(id: JsonValue | undefined): string {
    return typeof id === "string" ? this.names.of(id) ?? id : "?";
  }

  /** The action: `refund_payment using DELETE on order-77 for acme`. */
  get action(): string {
    const { tool, resource, tenant, method } = this.entry.subject;
    const parts = actionParts({
      tool: textOf(tool) ?? "a tool",
      resource: textOf(resource),
      tenant: textOf(tenant),
      method: textOf(method),
    });
    return parts.map(({ text }) => text).join("");
  }

  /** A member of the subject as text. */
  of(name: string): string {
    return textOf(this.entry.subject[name]) ?? "?";
  }

  /** A member of the data as text; null when it has none. */
  said(name: string): string | null {
    return textOf(this.entry.data[name]);
  }

  /** A number of the data; 0 when it has none. */
  count(name: string): number {
    const value = this.entry.data[name];
    return typeof value === "number" ? value : 0;
  }

  /** What a change set, by field. */
  get changed(): JsonObject {
    const { changed } = this.entry.data;
    return isJsonObject(changed) ? changed : {};
  }
}

/** Text as it is, numbers as digits; null for all else. */
export function textOf(value: JsonValue | undefined): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : null;
}

/** What people call the ids that entries name. */
export interface Names {
  /** What a member (with their address), an agent or a key is called; null when there is none such. */
  of(id: string): string | null;
  /** The id that somebody means by a name; of several of that name the oldest. Null for none. */
  idOf(name: string): string | null;
}

/** No names at all: ids speak for themselves. */
export const NO_NAMES: Names = { of: () => null, idOf: () => null };

/** The names that an org's members, agents and keys have now; who is gone has none any more. */
export function namesOf(
  { members, agents, apiKeys, grants }: Pick<
    Snapshot,
    "members" | "agents" | "apiKeys" | "grants"
  >,
): Names {
  const names = new Map<string, string>();
  const ids = new Map<string, string>();
  const add = (id: string, name: string) => {
    names.set(id, name);
    const known = ids.get(name.toLowerCase());
    if (known === undefined || id < known) ids.set(name.toLowerCase(), id);
  };
  for (const { id, name } of apiKeys.values()) add(id, name);
  for (const { id, name } of agents.values()) add(id, name);
  for (const { id, client_name } of grants.values()) add(id, client_name);
  // Last, and in place of others: a key that is named like a member must not hide them.
  for (const member of members.values()) {
    names.set(member.id, personWords(member));
    ids.set(member.email.toLowerCase(), member.id);
  }
  return {
    of: (id) => names.get(id) ?? null,
    idOf: (name) => ids.get(name.toLowerCase()) ?? null,
  };
}

/** What the log tells of the questions about a tool. */
export interface AskedAbout {
  /** Who made it known by asking; null where that is not to be found. */
  readonly first: Actor | null;
  readonly checks: number;
  /** Whether there may be more of them than were counted. */
  readonly more: boolean;
}

const MOST_COUNTED = 100;

/** For each tool: a page with several must not read the whole log. */
const BUDGET: ActivityBudget = { pages: 8, summaries: 256 };

/** Who asked first about some tools, and how often they were asked about since; by name. */
export async function askedAbout(
  kv: Kv,
  org: string,
  tools: readonly Pick<ToolRecord, "name" | "created_at">[],
): Promise<ReadonlyMap<string, AskedAbout>> {
  const found = await Promise.all(tools.map(async ({ name, created_at }) => {
    const about = (type: string, span: Pick<ActivityQuery, "until" | "order" | "limit">) =>
      readActivity(kv, org, {
        facets: [{ facet: "type", value: type }, { facet: "tool", value: name }],
        since: created_at,
        position: null,
        ...span,
      }, BUDGET);
    const [made, checked] = await Promise.all([
      about("tool.auto_created", { until: created_at + 1, order: "asc", limit: 1 }),
      about("permission.checked", { until: null, order: "asc", limit: MOST_COUNTED }),
    ]);
    const asked: AskedAbout = {
      first: made.entries[0]?.entry.actor ?? null,
      checks: checked.entries.length,
      more: checked.next !== null,
    };
    return [name, asked] as const;
  }));
  return new Map(found);
}
