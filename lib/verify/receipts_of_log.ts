import { toHex } from "../base/bytes.ts";
import { canonicalJson } from "../base/canonical.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { CheckedEntry } from "./export_lines.ts";
import { entryFinding, type Finding, shown } from "./finding.ts";
import { privateValue } from "./private_parts.ts";
import { keyOf, type ReceiptKey, signatureFinding, type SignedReceipt } from "./signed_receipt.ts";

/**
 * Signed receipts held against the log that they say to be of: nothing may stand in one but what its
 * entry says, and of its mandate what the grant of that says, as far as an export shows it. What is
 * signed and says more, or something else, was made beside the log.
 */

/** The type of the log's entries that make keys of receipts. */
const KEY_TYPE = "key.set";

/** What the log tells of a mandate that a receipt names. */
interface Grant {
  readonly agent: JsonValue;
  readonly bundle: JsonValue;
  /** Undefined where the export does not show it, as the one after it. */
  readonly user: JsonValue | undefined;
  readonly definition: JsonValue | undefined;
}

/** What the log tells of an edition of a bundle. */
interface Edition {
  readonly source: JsonValue | undefined;
  readonly definition: JsonValue | undefined;
}

/** Receipts held against the log, and its keys as the log tells of them. */
export class ReceiptsOfLog {
  readonly #open = new Map<number, SignedReceipt[]>();
  readonly #keys: ReceiptKey[] = [];
  /** The mandates, requests and bundles that receipts name: of no others anything is kept. */
  readonly #named = new Set<JsonValue | undefined>();
  readonly #grants = new Map<JsonValue | undefined, Grant>();
  /** The mandates that requests were asked under. */
  readonly #asked = new Map<JsonValue | undefined, JsonValue>();
  readonly #editions = new Map<string, Edition>();

  constructor(receipts: readonly SignedReceipt[], readonly origin: string) {
    for (const receipt of receipts) {
      const { claims: { authorization_id, context, policy_ref }, place: { index } } = receipt;
      this.#open.set(index, [...this.#open.get(index) ?? [], receipt]);
      this.#named.add(authorization_id);
      if (isJsonObject(context)) this.#named.add(context.approval);
      if (isJsonObject(policy_ref)) this.#named.add(policy_ref.policy_id);
    }
  }

  /** Takes in an entry that the checkpoint covers, or says which receipt of it is wrong. */
  take(
    entry: CheckedEntry,
    parts: JsonObject | null,
    { index, org }: { readonly index: number; readonly org: string },
  ): Finding | null {
    this.#learn(entry, parts);
    const receipts = this.#open.get(index) ?? [];
    this.#open.delete(index);
    for (const receipt of receipts) {
      const wrong = this.#problem(receipt, entry, org);
      if (wrong === null) continue;
      return entryFinding("receipt_mismatch", index, `Receipt ${receipt.id} ${wrong}`);
    }
    return null;
  }

  /** What is wrong with one whose entry was not there, or whose key the log does not know. */
  async end(receipts: readonly SignedReceipt[]): Promise<Finding | null> {
    for (const [index, [receipt]] of this.#open) {
      const what = `Receipt ${receipt?.id} says to be entry ${index}, which the log does not have`;
      return entryFinding("receipt_not_included", index, what);
    }
    for (const receipt of receipts) {
      const finding = await signatureFinding(receipt, this.#keys);
      if (finding !== null) return finding;
    }
    return null;
  }

  #learn({ type, subject, data }: CheckedEntry, parts: JsonObject | null): void {
    const isNamed = (name: string) => this.#named.has(subject[name]);
    switch (type) {
      case KEY_TYPE:
        this.#learnKey(subject, data);
        break;
      case "mandate.granted":
        if (!isNamed("mandate")) break;
        this.#grants.set(subject.mandate, {
          agent: data.agent ?? null,
          bundle: data.bundle ?? null,
          user: privateValue(parts, "user_id"),
          definition: privateValue(parts, "definition"),
        });
        break;
      case "bundle.published":
        if (!isNamed("bundle")) break;
        this.#editions.set(canonicalJson([subject.bundle ?? null, data.edition ?? null]), {
          source: data.source_sha256,
          definition: privateValue(parts, "definition"),
        });
        break;
      case "approval.created":
        if (isNamed("approval")) this.#asked.set(subject.approval, data.mandate_id ?? null);
        break;
    }
  }

  #learnKey(subject: JsonObject, data: JsonObject): void {
    const key = keyOf({
      key_id: subject.key ?? null,
      public_key: data.public_key ?? null,
      active_from: data.active_from ?? null,
      active_until: null,
    });
    if (key === null || data.signs !== "receipts") return;
    const before = this.#keys.at(-1);
    if (before !== undefined) {
      this.#keys[this.#keys.length - 1] = { ...before, active_until: key.active_from };
    }
    this.#keys.push(key);
  }

  /** What a receipt claims otherwise than the log says; null for nothing. */
  #problem({ claims, place }: SignedReceipt, entry: CheckedEntry, org: string): string | null {
    const told = toldBy(entry);
    if (told === null) return `is of an entry ${shown(entry.type)}, of which there is none`;
    const more = Object.keys(claims).find((name) => !CLAIMS.has(name));
    if (more !== undefined) return `claims ${shown(more)}, which is no claim of a receipt`;
    const mandate = this.#mandateOf(entry);
    const countersign = {
      log: this.origin,
      index: place.index,
      leaf_hash: toHex(entry.leafHash),
    };
    return differs("the organization", claims.workspace_id, org) ??
      differs("the id", claims.receipt_id, `rcp_${entry.id.slice(4)}`) ??
      differs("the time", claims.issued_at, entry.at) ??
      differs("the action", claims.action, told.action) ??
      differs("the event", claims.event, told.event) ??
      differs("the resource", claims.resource, told.resource) ??
      differs("the mandate", claims.authorization_id, mandate) ??
      differs("the decision", claims.decision, told.decision) ??
      differs("the reason", claims.reason, told.reason) ??
      contextProblem(claims.context, { ...told.context, countersign }) ??
      this.#termsProblem(claims, entry, mandate);
  }

  /** The mandate that an entry is about; null for none. */
  #mandateOf({ type, subject, data }: CheckedEntry): JsonValue {
    // One that is unknown, or not for whoever asked to know of, is named and not told of.
    if (type === "permission.checked" && typeof data.mandate_seq !== "number") return null;
    return subject.mandate ?? this.#asked.get(subject.approval) ?? null;
  }

  /** What is wrong with what a receipt claims of its mandate, by the grant of that. */
  #termsProblem(claims: JsonObject, { actor }: CheckedEntry, mandate: JsonValue): string | null {
    const { user_id, agent_id, policy_ref } = claims;
    if (mandate === null) {
      return differs("the user", user_id, "") ??
        differs("the agent", agent_id, actor.id) ??
        differs("the terms", policy_ref, null);
    }
    const grant = this.#grants.get(mandate);
    if (grant === undefined) return null;
    const { agent, user, bundle, definition } = grant;
    const [name, edition] = isJsonObject(bundle)
      ? [bundle.id ?? null, bundle.edition ?? null]
      : [mandate, 1];
    const published = this.#editions.get(canonicalJson([name, edition]));
    const digest = published?.source ??
      digestOf(bundle === null ? definition : published?.definition);
    const ref = isJsonObject(policy_ref) ? policy_ref : {};
    const expected: JsonObject = {
      policy_id: name,
      policy_version: edition,
      definition_sha256: digest ?? ref.definition_sha256 ?? null,
    };
    return differs("the agent", agent_id, agent) ??
      (user === undefined ? null : differs("the user", user_id, user)) ??
      differs("the terms", policy_ref, expected);
  }
}

/** What a receipt can claim: a closed set. */
const CLAIMS: ReadonlySet<string> = new Set([
  "action",
  "agent_id",
  "authorization_id",
  "context",
  "decision",
  "engine_version",
  "event",
  "issued_at",
  "policy_ref",
  "reason",
  "receipt_id",
  "resource",
  "schema_version",
  "user_id",
  "workspace_id",
]);

/** What the receipt of an entry has to claim, as far as the entry alone tells. */
interface TellsOf {
  readonly action?: JsonValue | undefined;
  readonly event?: string;
  readonly decision: JsonValue | undefined;
  readonly reason: JsonValue | undefined;
  readonly resource: JsonValue | undefined;
  readonly context: Readonly<Record<string, JsonValue | undefined>>;
}

/** Null for an entry that has no receipt. */
function toldBy({ type, subject, data }: CheckedEntry): TellsOf | null {
  const { action_digest, mandate_seq } = data;
  const { approval, method, resource, tenant, token, tool } = subject;
  const event = (
    event: string,
    decision: string,
    more: TellsOf["context"],
  ): TellsOf => ({
    event,
    decision,
    reason: type.replace(".", "_"),
    resource: null,
    context: { mandate_seq, tenant, ...more },
  });
  switch (type) {
    case "permission.checked": {
      const { estimated_cost_micros, resolved_from: reason } = data;
      const context = { action_digest, estimated_cost_micros, mandate_seq, method, tenant };
      return { action: tool, decision: verdictOf(data), reason, resource, context };
    }
    case "token.minted": {
      if (typeof approval !== "string") return null;
      const { decision_id: decision } = data;
      const of = { action_digest, approval, decision, mandate_seq, method, tenant, token };
      return { action: tool, decision: "allow", reason: "approval_used", resource, context: of };
    }
    case "mandate.granted": {
      const { expires_at, replaces } = data;
      return event("authorization.create", "authorization_granted", { expires_at, replaces });
    }
    case "mandate.revoked":
    case "mandate.superseded":
      return event("authorization.revoke", "authorization_revoked", { by: data.by });
    case "budget.settled": {
      const { actual_cost_micros, estimated_cost_micros } = data;
      const costs = { actual_cost_micros, estimated_cost_micros };
      const { decision } = subject;
      return event("budget.settle", "budget_settled", { ...costs, decision });
    }
    case "execution.logged": {
      const { cost_micros: actual_cost_micros } = data;
      if (typeof actual_cost_micros !== "number") return null;
      const { execution } = subject;
      const run = { action_digest, actual_cost_micros, execution, token };
      return event("budget.settle", "budget_settled", run);
    }
    case "approval.decided": {
      const noun = data.seat === "user" ? "confirmation" : "escalation";
      const decided = data.decision === "approve" ? "approved" : "rejected";
      const { level, view_digest } = data;
      const said = { action_digest, approval, level, view_digest };
      return event(`${noun}.resolve`, `${noun}_${decided}`, said);
    }
    default:
      return null;
  }
}

function verdictOf({ permission, resolved_from, seats }: JsonObject): string | null {
  switch (permission) {
    case "allowed":
      return "allow";
    case "disabled":
      return "deny";
    case "requires_approval": {
      const asksUser = Array.isArray(seats)
        ? seats.includes("user")
        : resolved_from === "mandate_user";
      return asksUser ? "confirm" : "escalate";
    }
    default:
      return null;
  }
}

/** What a receipt claims in its context that the entry does not say, or leaves out of what it says. */
function contextProblem(
  claimed: JsonValue | undefined,
  expected: TellsOf["context"],
): string | null {
  if (!isJsonObject(claimed)) return `claims a context of ${shown(claimed)}`;
  for (const name of new Set([...Object.keys(expected), ...Object.keys(claimed)])) {
    const wrong = differs(`the context's ${shown(name)}`, claimed[name], expected[name]);
    if (wrong !== null) return wrong;
  }
  return null;
}

function differs(
  name: string,
  got: JsonValue | undefined,
  expected: JsonValue | undefined,
): string | null {
  return canonicalJson(got ?? null) === canonicalJson(expected ?? null)
    ? null
    : `claims ${name} ${shown(got)}; the entry says ${shown(expected)}`;
}

/** Escapes that RFC 8785 writes short, and the canonical form of receipts does not. */
const LONG: Readonly<Record<string, string>> = {
  "\\b": "\\u0008",
  "\\t": "\\u0009",
  "\\n": "\\u000a",
  "\\f": "\\u000c",
  "\\r": "\\u000d",
};

/** The digest by which receipts name terms, hex; null where these are not shown. */
function digestOf(definition: JsonValue | undefined): string | null {
  if (definition === undefined) return null;
  const text = canonicalJson(definition).replace(/\\./g, (escape) => LONG[escape] ?? escape);
  return toHex(sha256(new TextEncoder().encode(text)));
}
