import { CountersignError, NoAnswer } from "../errors.ts";

/** What a command ends with. `hook` knows 0 and 2 alone; `guard` gives its command's own code. */
export const EXIT = {
  allowed: 0,
  failed: 1,
  wrongUse: 2,
  denied: 3,
  pending: 4,
  unreachable: 5,
} as const;

export type Exit = number;

/** The command was called as it cannot be. */
export class WrongUse extends Error {
  override readonly name = "WrongUse";
}

/** The command cannot do it; the message says what to do. */
export class Failed extends Error {
  override readonly name = "Failed";

  constructor(message: string, readonly code: Exit = EXIT.failed) {
    super(message);
  }
}

const DENIED = new Set([
  "approval_lapsed",
  "cancelled",
  "denied",
  "disabled",
  "expired",
  "recently_denied",
  "revoked",
  "tool_disabled",
]);
const PENDING = new Set(["approval_not_approved", "approval_required", "pending"]);

/** What a command ends with that was stopped by this. */
export function exitOf(error: unknown): Exit {
  if (error instanceof WrongUse || isOfParser(error)) return EXIT.wrongUse;
  if (error instanceof Failed) return error.code;
  if (!(error instanceof CountersignError)) return EXIT.failed;
  if (error instanceof NoAnswer || (error.status ?? 0) >= 500) return EXIT.unreachable;
  return exitOfCode(error.code);
}

/** What a request, or a refusal, that has this code ends with. */
export function exitOfCode(code: string): Exit {
  if (DENIED.has(code)) return EXIT.denied;
  return PENDING.has(code) ? EXIT.pending : EXIT.failed;
}

/** The parser does not export its class. */
function isOfParser(error: unknown): boolean {
  return error instanceof Error && error.name === "CLIError";
}
