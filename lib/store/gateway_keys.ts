/** The keys of upstreams, of the calls that run there, and of sub-tokens. */

/** Of the policy: where an upstream is. */
export const upstreamKey = (org: string, name: string) => ["upstream", org, name] as const;

export const upstreamPrefix = (org: string) => ["upstream", org] as const;

/** What was last seen of an upstream. */
export const upstreamStateKey = (org: string, name: string) =>
  ["upstream_state", org, name] as const;

/** A definition of a tool: as it is offered, or, where that has changed, as it was approved. */
export const upstreamToolKey = (
  org: string,
  name: string,
  tool: string,
  which: "offered" | "approved",
) => ["upstream_tool", org, name, tool, which] as const;

export const upstreamToolPrefix = (org: string, name: string) =>
  ["upstream_tool", org, name] as const;

/** A piece of the operations of a document of an HTTP API. */
export const upstreamDocumentKey = (org: string, name: string, document: string, piece: number) =>
  ["upstream_document", org, name, document, piece] as const;

export const upstreamDocumentPrefix = (org: string, name: string) =>
  ["upstream_document", org, name] as const;

/** Of the policy: a credential that calls to upstreams carry. */
export const vaultKey = (org: string, id: string) => ["vault", org, id] as const;

export const vaultPrefix = (org: string) => ["vault", org] as const;

/** What is secret of it. Sealed. */
export const vaultSecretKey = (org: string, id: string) => ["vault_secret", org, id] as const;

/** What was, before it was rotated, for as long as that may be tried. Sealed. */
export const vaultBeforeKey = (org: string, id: string) => ["vault_before", org, id] as const;

/** The tokens of one of kind oauth2. Sealed. */
export const vaultGrantKey = (org: string, id: string) => ["vault_grant", org, id] as const;

/** That a member went to a provider, by the hash of what they come back with. Sealed. */
export const vaultConnectKey = (org: string, hash: string) => ["vault_connect", org, hash] as const;

/** A call that runs at an upstream. */
export const callKey = (org: string, id: string) => ["call", org, id] as const;

export const callPrefix = (org: string) => ["call", org] as const;

/** The call that asked for an approval, or ran by it. */
export const callAskedKey = (org: string, approval: string) =>
  ["call_asked", org, approval] as const;

/** Which call a caller made under a key of its own, by the SHA-256 of that. */
export const callKeyKey = (org: string, caller: string, keyHash: string) =>
  ["call_key", org, caller, keyHash] as const;

/** The call without a key that waits for an approval, by the name of that (`askName`). */
export const callWaitsKey = (org: string, caller: string, name: string) =>
  ["call_waits", org, caller, name] as const;

/** A piece of a result: larger than one value may be. Sealed. */
export const callResultKey = (org: string, id: string, piece: number) =>
  ["call_result", org, id, piece] as const;

/** A sub-token: what it may do of what its maker may. */
export const subTokenKey = (org: string, id: string) => ["sub_token", org, id] as const;

export const subTokenPrefix = (org: string) => ["sub_token", org] as const;

/** Apart from the sub-token, for every decision made with it writes this row. */
export const subTokenUseKey = (org: string, id: string) => ["sub_token_use", org, id] as const;

/** The sub-tokens of one maker that were in force when the last of them was made. */
export const subTokensOfKey = (org: string, maker: string) =>
  ["sub_tokens_of", org, maker] as const;
