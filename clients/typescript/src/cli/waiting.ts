import { untilDecided } from "../authorize.ts";
import type { Countersign } from "../countersign.ts";
import type { Answers } from "../wire.ts";
import type { Call } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { table } from "./shown.ts";

type Approval = Answers["approval"];

/** What a request ends a command with. */
export const EXIT_OF_STATUS: Readonly<Record<Approval["status"], Exit>> = {
  approved: EXIT.allowed,
  pending: EXIT.pending,
  denied: EXIT.denied,
  expired: EXIT.denied,
  cancelled: EXIT.denied,
  revoked: EXIT.denied,
};

/** A request once it is decided, or as it is after that many seconds. */
export async function decided(
  countersign: Countersign,
  asked: Approval,
  wait: number,
): Promise<Approval> {
  const end = countersign.ways.clock.now() + wait * 1000;
  return await untilDecided(countersign, asked, end);
}

/** Says that a person is waited for, and where they decide. */
export function noteWaiting(call: Call, { reference, review_url }: Approval): void {
  call.note(`${reference} waits for a person: ${review_url}`);
}

/** Prints a request. */
export function tellApproval(call: Call, approval: Approval): Exit {
  const note = approval.decisions.findLast(({ note }) => note)?.note;
  const rows: (readonly unknown[])[] = [
    ["request", approval.reference],
    ["status", approval.status],
    ["tool", approval.tool_name],
    ["page", approval.review_url],
  ];
  call.tell(approval, table(note ? [...rows, ["note", note]] : rows));
  return EXIT_OF_STATUS[approval.status];
}

/** How long commands wait for a person, unless it is said. */
export const WAIT = {
  type: "string",
  description: "Seconds to wait for a person",
  valueHint: "SECONDS",
} as const;

/** The longest wait that may be said: a request lives no longer. */
export const LONGEST_WAIT = 7 * 24 * 3600;
