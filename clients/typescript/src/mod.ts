/**
 * Asks Countersign before an agent acts: a check, a person's approval where it is risky, a token
 * that runs once, and a log of what became of it. Where anything breaks, the tool does not run.
 */
export { Countersign, type Options, type Verdict } from "./countersign.ts";
export type { Filter, Held } from "./resources.ts";
export type { Sender, Sending } from "./sender.ts";
export type {
  Action,
  Asking,
  Authorization,
  Authorized,
  NotAuthorized,
  Unasked,
} from "./authorize.ts";
export {
  type Admission,
  admit,
  type AskingFor,
  type Attempt,
  attempt,
  type GuardedTool,
  type Sounding,
  sounding,
} from "./guard.ts";
export { isRefusal, type Refusal, refusalOf } from "./refusal.ts";
export {
  CountersignError,
  type Failure,
  NoAnswer,
  NotGenuine,
  NotRun,
  type Problem,
  Refused,
} from "./errors.ts";
export type { Clock } from "./clock.ts";
export {
  askToPass,
  brokenStep,
  checkToPass,
  type Passing,
  spendToPass,
  type Step,
  type Stopped,
} from "./step.ts";
export {
  type Checked,
  type LogKey,
  type LogKeys,
  type ReceiptKey,
  type ReceiptKeys,
  type SignedReceipt,
  verifiedClaims,
  verifiedReceipt,
} from "./receipts.ts";
export { verifiedEvent, type WebhookEvent } from "./webhooks.ts";
export type { Answers, Bodies } from "./wire.ts";
