import type { Dangers } from "../approvals/danger.ts";
import { readDangers } from "../approvals/danger_facts.ts";
import type { SeenApproval } from "../approvals/seen.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import type { Services } from "../services.ts";
import type { RequesterType } from "../store/records/identity.ts";
import { ownerOf } from "../vault/acting.ts";
import { argumentOrder } from "./arguments.ts";
import { isLong } from "./value_lines.ts";

/** One request in a list: JSON, and nothing that decides it. */
export interface ApprovalRow {
  readonly id: string;
  readonly reference: string;
  /** A state of `Progress`. */
  readonly state: string;
  readonly tool_name: string;
  readonly resource: string | null;
  readonly tenant: string | null;
  readonly method: string | null;
  readonly requester: NamedRequester;
  /** The beginning of the reason. */
  readonly reason: string;
  /** The first arguments; null for who may not see them, and once they were erased. */
  readonly values: readonly ShortValue[] | null;
  /** Null for what waits no more. */
  readonly dangers: Dangers | null;
  readonly level: number;
  readonly levels: number;
  readonly created_at: number;
  readonly expires_at: number;
  readonly decided_at: number | null;
  /** Nobody can decide it as things stand. */
  readonly stuck: boolean;
  /** The guard because of which it waits; null for none. */
  readonly guard: string | null;
  /** The credential that acts where it runs, and whose own it is; null for nobody's. */
  readonly acts_as: { readonly name: string; readonly owner: string | null } | null;
}

/** Who asked, as far as people are told. */
export interface NamedRequester {
  readonly type: RequesterType;
  readonly id: string;
  /** Members named keys and agents; a program chose its own name, and may have chosen a person's. */
  readonly name: string;
}

/** One argument in a line; a longer one is cut, and says so by an ellipsis. */
export interface ShortValue {
  readonly name: string;
  readonly text: string;
  /** Whether it was sent as a number, whose digits are easier to read in groups. */
  readonly is_number: boolean;
}

const REASON_CHARACTERS = 200;

/** Beyond so many characters in all a row has no room for another argument. */
const LINE_CHARACTERS = 160;

const VALUE_CHARACTERS = 80;

/** Requests as lists show them, in the same order. @throws {MalformedRecord} {CannotOpen} */
export async function approvalRows(
  { deps }: Pick<Services, "deps">,
  snapshot: Snapshot,
  approvals: readonly SeenApproval[],
): Promise<ApprovalRow[]> {
  const dangers = await readDangers(deps, snapshot, approvals);
  return approvals.map((approval, at): ApprovalRow => {
    const { record, reason, warning, arguments: args } = approval;
    const { progress, requester } = record;
    const schema = snapshot.tool(record.tool_name)?.parameters ?? null;
    return {
      id: record.id,
      reference: record.reference,
      state: progress.state,
      tool_name: record.tool_name,
      resource: record.resource,
      tenant: record.tenant,
      method: record.method,
      requester: { id: requester.id, type: requester.type, name: requester.name },
      reason: beginning(reason, REASON_CHARACTERS),
      values: args === null ? null : shortValues(schema, args),
      dangers: dangers[at] ?? null,
      level: progress.level,
      levels: record.levels,
      created_at: record.created_at,
      expires_at: record.expires_at,
      decided_at: "decided_at" in progress ? progress.decided_at : null,
      stuck: warning !== null,
      guard: /^guard_(.+)$/.exec(record.resolved_from)?.[1] ?? null,
      acts_as: actingIn(snapshot, record.acts_as ?? null),
    };
  });
}

/** Of whom the account is that acts, by what a request remembers of it. */
function actingIn(snapshot: Snapshot, acts_as: string | null): ApprovalRow["acts_as"] {
  const record = snapshot.vault.get(acts_as?.split(" ")[0] ?? "");
  if (record === undefined) return null;
  const owner = ownerOf(snapshot, record);
  return { name: record.name, owner: owner?.email ?? null };
}

/**
 * The first arguments of a call as its page has them: in the order of its tool's schema, then as they
 * were sent, and long ones last.
 */
export function shortValues(schema: JsonObject | null, args: JsonObject): ShortValue[] {
  const names = new Set([
    ...argumentOrder(schema).filter((name) => Object.hasOwn(args, name)),
    ...Object.keys(args),
  ]);
  const isLast = (name: string) => isLong(args[name] ?? null) ? 1 : 0;
  const ordered = [...names].sort((a, b) => isLast(a) - isLast(b));
  const values: ShortValue[] = [];
  let room = LINE_CHARACTERS;
  for (const name of ordered) {
    const value = args[name] ?? null;
    const text = shortText(value);
    room -= name.length + text.length;
    if (values.length > 0 && room < 0) break;
    values.push({
      name: beginning(name, VALUE_CHARACTERS),
      text,
      is_number: typeof value === "number",
    });
  }
  return values;
}

function shortText(value: JsonValue): string {
  if (typeof value !== "string") return beginning(JSON.stringify(value), VALUE_CHARACTERS);
  const [line = ""] = value.split("\n", 1);
  const text = beginning(line, VALUE_CHARACTERS);
  return line === value || text.endsWith("…") ? text : `${text}…`;
}

function beginning(text: string, characters: number): string {
  // No character is cut in two; and of a long text no more is looked at than is shown.
  const some = Array.from(text.slice(0, 2 * characters + 2));
  return some.length > characters ? `${some.slice(0, characters).join("")}…` : text;
}
