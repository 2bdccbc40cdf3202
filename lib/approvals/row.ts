import type { RequesterType } from "../store/records/identity.ts";
import type { SeenApproval } from "./seen.ts";

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
  readonly level: number;
  readonly levels: number;
  readonly created_at: number;
  readonly expires_at: number;
  readonly decided_at: number | null;
  /** Nobody can decide it as things stand. */
  readonly stuck: boolean;
}

const REASON_CHARACTERS = 200;

/** A request as lists show it. */
export function approvalRow({ record, reason, warning }: SeenApproval): ApprovalRow {
  const { progress, requester } = record;
  const characters = Array.from(reason);
  return {
    id: record.id,
    reference: record.reference,
    state: progress.state,
    tool_name: record.tool_name,
    resource: record.resource,
    tenant: record.tenant,
    method: record.method,
    requester: { type: requester.type, name: requester.name },
    reason: characters.length > REASON_CHARACTERS
      ? `${characters.slice(0, REASON_CHARACTERS).join("")}…`
      : reason,
    level: progress.level,
    levels: record.levels,
    created_at: record.created_at,
    expires_at: record.expires_at,
    decided_at: "decided_at" in progress ? progress.decided_at : null,
    stuck: warning !== null,
  };
}

/** Who asked, as far as people are told. */
export interface NamedRequester {
  readonly type: RequesterType;
  /** Members named keys and agents; a program chose its own name, and may have chosen a person's. */
  readonly name: string;
}
