import type { components } from "./openapi.ts";

type Schemas = components["schemas"];

/** What is sent, by the route that takes it; made from the service's OpenAPI document. */
export interface Bodies {
  readonly check: Schemas["PostPermissionsCheckBody"];
  readonly approval: Schemas["PostApprovalsBody"];
  readonly mint: Schemas["PostTokensMintBody"];
  readonly consume: Schemas["PostTokensConsumeBody"];
  readonly log: Schemas["PostExecutionsLogBody"];
  readonly call: Schemas["PostCallsBody"];
  readonly mandate: Schemas["PostMandatesBody"];
  readonly revoke: Schemas["PostMandatesByIdRevokeBody"];
  readonly confirmation: Schemas["PostConfirmationsByNonceBody"];
  readonly settle: Schemas["PostBudgetsSettleBody"];
}

/** What comes back, likewise. */
export interface Answers {
  readonly check: Schemas["PostPermissionsCheckAnswer"];
  readonly approval: Schemas["PostApprovalsAnswer"];
  readonly approvals: Schemas["GetApprovalsAnswer"];
  readonly mint: Schemas["PostTokensMintAnswer"];
  readonly consume: Schemas["PostTokensConsumeAnswer"];
  readonly log: Schemas["PostExecutionsLogAnswer"];
  readonly call: Schemas["PostCallsAnswer"];
  readonly mandate: Schemas["PostMandatesAnswer"];
  readonly mandates: Schemas["GetMandatesAnswer"];
  readonly statement: Schemas["PostConfirmationsByNonceStatementAnswer"];
  readonly resolved: Schemas["PostConfirmationsByNonceAnswer"];
  readonly confirmation: Schemas["GetConfirmationsByIdAnswer"];
  readonly budgets: Schemas["GetBudgetsAnswer"];
  readonly settled: Schemas["PostBudgetsSettleAnswer"];
  readonly receipt: Schemas["GetReceiptsByIdAnswer"];
}
