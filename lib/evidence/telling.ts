import type { Names } from "../activity/names.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";
import type { Entry } from "../ledger/entry.ts";
import { requestSentence } from "../sheet/sentence.ts";
import { withinQuotes } from "../text/within_quotes.ts";

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

  /** Who did it. What kind it is goes along, for a key may be named like a person. */
  get who(): string {
    return this.named(this.entry.actor);
  }

  /** Who somebody else that an entry names by type and id is. */
  named(actor: JsonValue | undefined): string {
    if (!isJsonObject(actor)) return "somebody";
    const { type, id } = actor;
    switch (type) {
      case "agent":
        return `agent “${withinQuotes(this.nameOf(id))}”`;
      case "api_key":
        return `key “${withinQuotes(this.nameOf(id))}”`;
      case "member":
        return this.nameOf(id);
      case "oauth_grant":
        return `program “${withinQuotes(this.said("client_name") ?? this.nameOf(id))}”`;
      case "account":
        return `account ${this.nameOf(id)}`;
      default:
        return "Countersign";
    }
  }

  /** What an id is called; the id itself when nobody is called so any more. */
  nameOf(id: JsonValue | undefined): string {
    return typeof id === "string" ? this.names.of(id) ?? id : "?";
  }

  /** The action: `refund_payment using DELETE on order-77 for acme`. */
  get action(): string {
    const { tool, resource, tenant, method } = this.entry.subject;
    const [, , ...parts] = requestSentence({
      requester: { type: "agent", name: "" },
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
