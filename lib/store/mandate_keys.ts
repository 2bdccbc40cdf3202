/** The keys of what users let agents do, of how they are asked, and of receipts about it. */

export const bundleKey = (org: string, id: string) => ["bundle", org, id] as const;

export const bundlePrefix = (org: string) => ["bundle", org] as const;

export const bundleEditionKey = (org: string, id: string, edition: number) =>
  ["bundle_edition", org, id, edition] as const;

/** What an edition was translated from, where it was. */
export const bundleSourceKey = (org: string, id: string, edition: number) =>
  ["bundle_source", org, id, edition] as const;

export const mandateKey = (org: string, id: string) => ["mandate", org, id] as const;

export const mandatePrefix = (org: string) => ["mandate", org] as const;

/** Apart from the mandate, for every check under it writes this row. */
export const mandateCountKey = (org: string, id: string) => ["mandate_count", org, id] as const;

export const mandateByUserKey = (org: string, user: string, id: string) =>
  ["mandate_by_user", org, user, id] as const;

export const mandateByUserPrefix = (org: string, user: string) =>
  ["mandate_by_user", org, user] as const;

export const mandateByAgentKey = (org: string, agent: string, id: string) =>
  ["mandate_by_agent", org, agent, id] as const;

export const mandateByAgentPrefix = (org: string, agent: string) =>
  ["mandate_by_agent", org, agent] as const;

export const mandateByParentKey = (org: string, parent: string, id: string) =>
  ["mandate_by_parent", org, parent, id] as const;

export const mandateByParentPrefix = (org: string, parent: string) =>
  ["mandate_by_parent", org, parent] as const;

/** Whose mandates are looked for: all of the org's, a user's, an agent's. */
export type MandateOf = "org" | "user" | "agent";

/** A mandate that is in force, so that it is found among any number that ended. */
export const mandateInForceKey = (org: string, of: MandateOf, name: string, id: string) =>
  ["mandate_in_force", org, of, name, id] as const;

export const mandateInForcePrefix = (org: string, of: MandateOf, name: string) =>
  ["mandate_in_force", org, of, name] as const;

/** A resource that nothing under a mandate may touch, by its external id. */
export const tombstoneKey = (org: string, resource: string) =>
  ["tombstone", org, resource] as const;

export const tombstonePrefix = (org: string) => ["tombstone", org] as const;

/** What counts against a limit: of a mandate, one of its scopes, a user, an agent, a tenant, the org. */
export const budgetKey = (org: string, scope: string) => ["budget", org, scope] as const;

export const budgetPrefix = (org: string) => ["budget", org] as const;

/** Counters that commits wrote lately, those of one commit in one row, by its number. */
export const gatheredKey = (org: string, number: number) => ["gathered", org, number] as const;

export const gatheredPrefix = (org: string) => ["gathered", org] as const;

/** What became of the reservation of a decision without a token. */
export const settledKey = (org: string, decision: string) => ["settled", org, decision] as const;

/** Requests that are pending, or approved and unused, under a mandate: its end cancels them. */
export const approvalByMandateKey = (org: string, mandate: string, id: string) =>
  ["approval_by_mandate", org, mandate, id] as const;

export const approvalByMandatePrefix = (org: string, mandate: string) =>
  ["approval_by_mandate", org, mandate] as const;

/** A key that signs receipts, or signed those of its time. */
export const receiptKeyKey = (org: string, kid: string) => ["receipt_key", org, kid] as const;

export const receiptKeyPrefix = (org: string) => ["receipt_key", org] as const;

/** Which of them is the newest: of two that are made at once one is refused by this row. */
export const newestReceiptKeyKey = (org: string) => ["receipt_keys", org] as const;

/** What a nonce leads to: of no org, for whoever has one names none. */
export const confirmationKey = (nonceHash: string) => ["confirmation", nonceHash] as const;

export const userPasskeysKey = (org: string, user: string) => ["user_passkeys", org, user] as const;

export const userPasskeysPrefix = (org: string) => ["user_passkeys", org] as const;

/** A link by which a user makes a passkey, by the hash of its secret. */
export const userEnrolmentKey = (hash: string) => ["user_enrolment", hash] as const;
