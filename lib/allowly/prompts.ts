import { settle } from "../approvals/advance.ts";
import { confirmationId } from "../approvals/nonce.ts";
import { loadApproval, type LoadedApproval, visible } from "../approvals/seen.ts";
import type { CallerOperation, MachineOperation } from "../identity/acting.ts";
import { entryAbout, readHead } from "../ledger/log_reader.ts";
import type { Reader } from "../ledger/transaction.ts";
import { receiptId } from "../receipts/claims.ts";
import { Refusal } from "../refusal.ts";
import { listRecords } from "../store/kv.ts";
import { approvalByMandatePrefix } from "../store/mandate_keys.ts";
import { approvalPointer, type ApprovalRecord } from "../store/records/approval.ts";

/**
 * What clients of Allowly call a prompt: the question to a user, which is a confirmation, or what members
 * are asked, which is an escalation. Both are one request here, of which each is a seat.
 */

/** Which seat of a request a prompt is. */
export type Seat = "user" | "members";

/** The id of what members are asked. */
export function escalationId(approval: string): string {
  return `esc_${approval.slice("apr_".length)}`;
}

/** The request of a prompt, by its id; null for text that is none. */
export function approvalOf(prompt: string, seat: Seat): string | null {
  const prefix = seat === "user" ? "cnf_" : "esc_";
  return prompt.startsWith(prefix) ? `apr_${prompt.slice(prefix.length)}` : null;
}

/** What became of a prompt, and of what it gave leave to do. */
export interface Prompt {
  readonly record: ApprovalRecord;
  readonly mandate_id: string;
  readonly status: "pending" | "approved" | "rejected" | "expired" | "unknown";
  /** Milliseconds; null while nobody answered. */
  readonly resolved_at: number | null;
  readonly authority: "none" | "available" | "expired" | "revoked" | "consumed";
  /** Milliseconds. */
  readonly authority_until: number | null;
  readonly used_at: number | null;
  /** The receipt of the answer. */
  readonly resolution: string | null;
}

interface Loaded {
  readonly approval: LoadedApproval | null;
  readonly resolution: string | null;
}

/** Reads a prompt as it stands. @throws {Refusal} not_found */
export function lookAtPrompt(id: string, seat: Seat): CallerOperation<Loaded, Prompt> {
  return {
    async load(reader) {
      const name = approvalOf(id, seat);
      const approval = name === null ? null : await loadApproval(reader.fromStore, name);
      const at = approval === null ? null : answeredAt(approval.record, seat);
      if (approval === null || at === null) return { approval, resolution: null };
      return { approval, resolution: await resolutionOf(reader, approval.record, seat, at) };
    },
    plan(transaction, caller, { approval, resolution }) {
      const { record } = settle(transaction, visible(caller, approval));
      return promptOf(record, seat, resolution);
    },
  };
}

/** A prompt as its request has it. @throws {Refusal} not_found where the request has no such seat */
export function promptOf(record: ApprovalRecord, seat: Seat, resolution: string | null): Prompt {
  const { mandate, user_seat, levels, progress } = record;
  const isThere = seat === "user" ? user_seat !== null : levels > 0;
  if (mandate === null || !isThere) {
    throw new Refusal("not_found", { what: seat === "user" ? "confirmation" : "escalation" });
  }
  const said = saidOf(record, seat);
  const use = "use_before" in progress ? progress.use_before : null;
  return {
    record,
    mandate_id: mandate.id,
    status: said === null ? unanswered(progress.state) : SAID[said.decision],
    resolved_at: said?.at ?? null,
    authority: said?.decision === "approve" ? authorityOf(progress, seat) : "none",
    authority_until: use,
    used_at: progress.state === "used" ? progress.used_at : null,
    resolution,
  };
}

const SAID = { approve: "approved", deny: "rejected" } as const;

/** What was answered at a seat, if it was. */
function saidOf(
  { user_seat, decisions, levels }: Pick<ApprovalRecord, "user_seat" | "decisions" | "levels">,
  seat: Seat,
): { readonly decision: "approve" | "deny"; readonly at: number } | null {
  if (seat === "user") return user_seat?.answer ?? null;
  const last = decisions.at(-1);
  if (last === undefined || (last.decision === "approve" && last.level < levels)) return null;
  return { decision: last.decision, at: last.at };
}

function answeredAt(record: ApprovalRecord, seat: Seat): number | null {
  return saidOf(record, seat)?.at ?? null;
}

function unanswered(state: ApprovalRecord["progress"]["state"]): Prompt["status"] {
  if (state === "pending" || state === "expired") return state;
  // Withdrawn, or ended with its mandate, or answered with no by another seat.
  return "unknown";
}

function authorityOf(progress: ApprovalRecord["progress"], seat: Seat): Prompt["authority"] {
  switch (progress.state) {
    case "approved":
      return "available";
    case "used":
      return seat === "user" ? "expired" : "consumed";
    case "lapsed":
    case "expired":
      return "expired";
    case "cancelled":
    case "revoked":
      return "revoked";
    case "pending":
    case "denied":
      return "none";
  }
}

/** The receipt of the entry by which a seat answered. */
async function resolutionOf(
  { kv, snapshot: { orgId } }: Reader,
  { id }: ApprovalRecord,
  seat: Seat,
  time: number,
): Promise<string | null> {
  const { size } = await readHead(kv, orgId);
  const found = await entryAbout(kv, orgId, size, {
    id,
    time,
    is: ({ type, subject, data }) =>
      type === "approval.decided" && subject.approval === id &&
      (data.seat === "user") === (seat === "user"),
  });
  return found === null ? null : receiptId(found.entry);
}

/** The questions to users that are open under a mandate, by their ids. */
export async function openConfirmations(reader: Reader, mandate: string): Promise<string[]> {
  const prefix = [...approvalByMandatePrefix(reader.snapshot.orgId, mandate)];
  const open: string[] = [];
  for await (const { value } of listRecords(reader.kv, { prefix }, approvalPointer)) {
    const loaded = await loadApproval(reader.fromStore, value.id);
    if (loaded === null || loaded.record.user_seat === null) continue;
    const { progress } = loaded.record;
    if (progress.state === "pending" || progress.state === "approved") {
      open.push(confirmationId(value.id));
    }
  }
  return open;
}

/** The mandate and the action of what a user confirmed, for a check that names the confirmation. */
export function confirmedAction(
  id: string,
): MachineOperation<LoadedApproval | null, ApprovalRecord | null> {
  return {
    async load(reader) {
      const name = approvalOf(id, "user");
      return name === null ? null : await loadApproval(reader.fromStore, name);
    },
    plan: (_transaction, caller, loaded) =>
      loaded !== null && loaded.record.requester.id === caller.id ? loaded.record : null,
  };
}
