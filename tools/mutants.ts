/**
 * One broken line for each guard that the service's security rests on, and the tests that have to
 * notice. Read by `tools/mutate.ts`; a test keeps the list from going stale.
 */

/** A guard, the line that it is, and what it would be without. */
export interface Mutant {
  /** What holds while the line is whole, told to whoever reads that the mutant survived. */
  readonly guard: string;
  /** From the project's root. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The files that fail with it, by their paths below `tests/` without `_test.ts`. */
  readonly tests: readonly string[];
  /** Why it may survive; absent where a test has to fail. */
  readonly explained?: string;
}

const DECISIONS: readonly Mutant[] = [
  {
    guard: "the reason of a check is scrubbed before the log has it",
    file: "lib/decisions/decide.ts",
    find: "values.reason = scrubText(reason).text;",
    replace: "values.reason = reason;",
    tests: ["decisions/check"],
  },
  {
    guard: "a digest is of the action with the tenant that was filled in",
    file: "lib/decisions/decide.ts",
    find: "const same = org === this.#org && tenant === this.#tenant;",
    replace: "const same = org === this.#org;",
    tests: ["identity/tenant_walls"],
  },
  {
    guard: "a check names no tenant outside the wall of who asks",
    file: "lib/decisions/decide.ts",
    find: "const tenant = tenantWithin(caller, action.tenant);",
    replace: "const tenant = action.tenant;",
    tests: ["identity/tenant_walls"],
  },
  {
    guard: "an agent reads no trace of the policy",
    file: "lib/decisions/decide.ts",
    find: 'if (explain) requireTier(caller, ["standard"]);',
    replace: "",
    tests: ["attacks/privilege"],
  },
  {
    guard: "no id that looks personal enters the log",
    file: "lib/decisions/decide.ts",
    find: "assertNoPersonalIds(snapshot.org, idsOfAction(action));",
    replace: "",
    tests: ["decisions/check"],
  },
  {
    guard: "a caller makes no more drafts an hour than its limit",
    file: "lib/decisions/decide.ts",
    find: "ofCaller.length >= DISCOVERY_LIMITS.per_caller_an_hour",
    replace: "ofCaller.length > DISCOVERY_LIMITS.per_caller_an_hour",
    tests: ["decisions/discovery"],
  },
  {
    guard: "a trust tier that is no number is below every other",
    file: "lib/policy/chain.ts",
    find: "const below = !(caller.trust_tier >= required);",
    replace: "const below = caller.trust_tier < required;",
    tests: ["policy/chain"],
  },
  {
    guard: "an agent's kill switch stops it",
    file: "lib/policy/chain.ts",
    find: 'isActive(caller.kill_switch, "agent", trace) ||',
    replace: "",
    tests: ["policy/chain"],
  },
  {
    guard: "a gate lifts nothing that a rule disables",
    file: "lib/policy/chain.ts",
    find: "return stricter(gate.permission, chain.permission) === gate.permission ? gate : chain;",
    replace: "return gate;",
    tests: ["policy/chain"],
  },
  {
    guard: "a draft in the catalog is never allowed",
    file: "lib/policy/chain.ts",
    find: 'const draft = tool === null || tool.status === "draft";',
    replace: "const draft = tool === null;",
    tests: ["policy/chain"],
  },
  {
    guard: "of rules that differ in the case of a method the strictest is in force",
    file: "lib/policy/rule_index.ts",
    find: "PERMISSIONS.indexOf(b.permission) - PERMISSIONS.indexOf(a.permission)",
    replace: "PERMISSIONS.indexOf(a.permission) - PERMISSIONS.indexOf(b.permission)",
    tests: ["policy/rule_index", "policy/method_name"],
  },
  {
    guard: "a node that lacks a change of the policy reads it whole",
    file: "lib/ledger/load_snapshot.ts",
    find: "return seen === to - from + 1 ? [...changed.values()] : null;",
    replace: "return [...changed.values()];",
    tests: ["decisions/never_stale"],
  },
];

const APPROVALS: readonly Mutant[] = [
  {
    guard: "an approval is minted by its requester alone",
    file: "lib/approvals/end.ts",
    find: "if (!isRequester(caller, loaded.record))",
    replace: "if (false)",
    tests: ["tokens/approval"],
  },
  {
    guard: "an approval is minted for the very action that was approved",
    file: "lib/approvals/end.ts",
    find: "if (isApproved && actionDigest(",
    replace: "if (false && actionDigest(",
    tests: ["tokens/approval"],
  },
  {
    guard: "nobody decides both levels",
    file: "lib/identity/deciders.ts",
    find: "(said.member === member?.id || (asserted_by !== null",
    replace: "((asserted_by !== null",
    tests: ["approvals/signed_decisions"],
  },
  {
    guard: "nobody decides what they asked themselves where duties are separated",
    file: "lib/identity/deciders.ts",
    find: "if (isSeparated(record, policy) && allBehind(record, policy).has(member.id))",
    replace: "if (false)",
    tests: ["approvals/decide"],
  },
  {
    guard: "a key decides nothing where the organization takes passkeys only",
    file: "lib/identity/deciders.ts",
    find: "if (!policy.org.api_decisions)",
    replace: "if (false)",
    tests: ["approvals/decide"],
  },
  {
    guard: "a key decides nothing that two people have to",
    file: "lib/identity/deciders.ts",
    find: "if (isForTwo(record, policy)) {",
    replace: "if (false) {",
    tests: ["approvals/decide"],
  },
  {
    guard: "who recovered their account and is on hold decides nothing, through a key either",
    file: "lib/identity/deciders.ts",
    find: "return held_until !== null && held_until > now",
    replace: "return held_until !== null && held_until > Infinity",
    tests: ["identity/requirements_now"],
  },
  {
    guard: "the nonce of a decision counts once",
    file: "lib/approvals/sign.ts",
    find: "transaction.delete(decisionNonceKey(caller.org, caller.session_id, record.id));",
    replace: "",
    tests: ["attacks/decisions"],
  },
  {
    guard: "the nonce of a decision counts for its minutes",
    file: "lib/approvals/sign.ts",
    find: "issued_at <= at && at < expires_at &&\n    stillLasts(ends_at, CEREMONY_MS, now);",
    replace: "issued_at <= at;",
    tests: ["attacks/decisions"],
  },
  {
    guard: "another member's passkey signs no decision",
    file: "lib/passkeys/verify.ts",
    find: 'if (account !== null && passkey.account !== account) return refused("wrong_user");',
    replace: "",
    tests: ["attacks/decisions"],
  },
  {
    guard: "what asks for more trust by now than its requester has is not approved",
    file: "lib/approvals/decide.ts",
    find: "return tier >= required ? null :",
    replace: "return tier >= 0 ? null :",
    tests: ["identity/requirements_now"],
  },
  {
    guard: "a note is scrubbed before anything has it",
    file: "lib/approvals/decide.ts",
    find: "return scrubText(note).text;",
    replace: "return note;",
    tests: ["approvals/decide", "approvals/signed_decisions"],
  },
  {
    guard: "one approval is not enough for a tool that takes two by now",
    file: "lib/identity/standing.ts",
    find: 'if (!isPending && approvals.length < levelsNow(record, policy)) return "levels";',
    replace: "",
    tests: ["identity/requirements_now"],
  },
  {
    guard: "a request ends where its tool is another by now",
    file: "lib/approvals/state.ts",
    find: "definitionOf(policy, record.tool_name) !== record.definition_digest",
    replace: "false",
    tests: ["approvals/stale_decisions", "approvals/due"],
  },
  {
    guard: "what was denied is not asked again at once",
    file: "lib/approvals/limits.ts",
    find: "!isWithin(DENIAL_REST_MS, last_denial.at, now)",
    replace: "!isWithin(0, last_denial.at, now)",
    tests: ["approvals/decide"],
  },
  {
    guard: "a member on hold sees no arguments",
    file: "lib/approvals/seen.ts",
    find: "return caller.held_until === null && caller.levels.some",
    replace: "return caller.levels.some",
    tests: ["attacks/deciders"],
  },
  {
    guard: "a key knows of no request outside its tenants",
    file: "lib/approvals/seen.ts",
    find: "return isWithinWall(caller, tenant);",
    replace: "return true;",
    tests: ["approvals/visible"],
  },
];

const TOKENS: readonly Mutant[] = [
  {
    guard: "of attempts to consume a token at once one succeeds",
    file: "lib/tokens/presented.ts",
    find:
      "const found = await reader.get(runTokenKey(orgId, read.claims.token_id), runTokenRecord);",
    replace:
      "const found = await reader.peek(runTokenKey(orgId, read.claims.token_id), runTokenRecord);",
    tests: ["tokens/consume"],
  },
  {
    guard: "a stolen signing key alone forges no token",
    file: "lib/tokens/presented.ts",
    find: "if (canonicalJson(claims) !== canonicalJson(read.claims)) return null;",
    replace: "",
    tests: ["tokens/forgery"],
  },
  {
    guard: "a token's signature is compared",
    file: "lib/tokens/token_text.ts",
    find: "return token.mac.length === expected.length && timingSafeEqual(token.mac, expected);",
    replace: "return token.mac.length === expected.length;",
    tests: ["tokens/forgery"],
  },
  {
    guard: "one token has one text",
    file: "lib/tokens/token_text.ts",
    find: 'return bytes.toString("base64url") === text ? bytes : null;',
    replace: "return bytes;",
    tests: ["tokens/forgery"],
  },
  {
    guard: "a deadline is over at its millisecond, behind a log that was ahead as well",
    file: "lib/ledger/clock.ts",
    find: "if (now >= deadline) return true;",
    replace: "if (now > deadline) return true;",
    tests: ["ledger/clocks"],
  },
  {
    guard: "a token is used inside the tenant wall of who uses it",
    file: "lib/tokens/standing.ts",
    find: "if (walledOff !== null) return walledOff;",
    replace: "",
    tests: ["tokens/consume"],
  },
  {
    guard: "a token runs the action that it was minted for, and no other",
    file: "lib/tokens/standing.ts",
    find: "if (differs.length > 0)",
    replace: "if (differs.length > 100)",
    tests: ["tokens/consume"],
  },
  {
    guard: "a token ends with the write scope of the connection that minted it",
    file: "lib/tokens/standing.ts",
    find:
      'if (grant !== undefined && !scopesOf(snapshot, grant).includes("mcp:write")) return null;',
    replace: "",
    tests: ["tokens/tightening_credentials"],
  },
  {
    guard: "a token ends with the credential that minted it",
    file: "lib/tokens/standing.ts",
    find: "if (hasExpired(minter, now)) {",
    replace: "if (false) {",
    tests: ["tokens/tightening_credentials"],
  },
  {
    guard: "a token ends when its agent is given a new secret",
    file: "lib/tokens/standing.ts",
    find: "return isRotatedAway(snapshot, token.minter, token.policy_version)",
    replace: "return false",
    tests: ["tokens/tightening", "tokens/tightening_credentials", "catalog/agents_rotated"],
  },
  {
    guard: "a token is good for what its approval became, and for no other",
    file: "lib/tokens/standing.ts",
    find: 'progress?.state === "used" && progress.token_id === token.id',
    replace: 'progress?.state === "used"',
    tests: ["tokens/tightening_credentials"],
  },
  {
    guard: "an approval mints nothing that the policy disables",
    file: "lib/authorize/mint.ts",
    find: 'if (permission === "disabled") return new Refusal("tool_disabled", { resolved_from });',
    replace: "",
    tests: ["tokens/approval"],
  },
];

const IDENTITY: readonly Mutant[] = [
  {
    guard: "a key is over at the millisecond of its end",
    file: "lib/identity/caller.ts",
    find: "return expires_at !== null && expires_at <= now;",
    replace: "return expires_at !== null && expires_at < now;",
    tests: ["identity/authentication"],
  },
  {
    guard: "the operator's approver key is out of force once an owner has a passkey",
    file: "lib/identity/caller.ts",
    find:
      'if (isSuperseded(credential.record, snapshot)) throw new Refusal("invalid_credentials", {});',
    replace: "",
    tests: ["catalog/machines_by_members", "catalog/bootstrap"],
  },
  {
    guard: "a credential acts for its tenants only",
    file: "lib/identity/caller.ts",
    find: "return tenant_ids === null || (tenant !== null && tenant_ids.includes(tenant));",
    replace: "return tenant_ids === null || tenant !== null;",
    tests: ["identity/tenant_walls"],
  },
  {
    guard: "a deed asks for its right, whatever its page asked",
    file: "lib/identity/deeds.ts",
    find: "demanded.add(caller);\n  requireRight(caller, right);",
    replace: "demanded.add(caller);",
    tests: ["identity/member_rights"],
  },
  {
    guard: "what widens takes a passkey shown just now",
    file: "lib/identity/deeds.ts",
    find: 'if (asks === "passkey") requireFresh(caller, what);',
    replace: "",
    tests: ["identity/member_rights"],
  },
  {
    guard: "nothing is committed for a member that named no deed",
    file: "lib/identity/acting.ts",
    find: "wrote: assertDemanded,",
    replace: "",
    tests: ["identity/member_rights"],
  },
  {
    guard: "on hold no assertion is fresh",
    file: "lib/identity/acting.ts",
    find: "const fresh = stillLasts(session.fresh_until, FRESH_MS, now) && !held;",
    replace: "const fresh = stillLasts(session.fresh_until, FRESH_MS, now);",
    tests: ["identity/member_rights"],
  },
  {
    guard: "a session that ended while its request was under way commits nothing for a member",
    file: "lib/identity/acting.ts",
    find: "requireLive(session, now);",
    replace: "",
    tests: ["people/sign_in"],
  },
  {
    guard: "a session is over at last, however much it is used",
    file: "lib/identity/sessions.ts",
    find: "return now < expires_at && isWithin(SESSION_IDLE_MS, seen_at, now);",
    replace: "return isWithin(SESSION_IDLE_MS, seen_at, now);",
    tests: ["people/sign_in"],
  },
  {
    guard: "a key lets nothing go on that a person stopped",
    file: "lib/identity/deeds.ts",
    find: 'if (caller.type !== "member" && ownerEnrolled(snapshot)) {',
    replace: "if (false) {",
    tests: ["catalog/agents"],
  },
  {
    guard: "a rotation voids what was asked with the old secret",
    file: "lib/catalog/agents.ts",
    find: ": { ...rotated, void_before: transaction.snapshot.version + 1 };",
    replace: ": rotated;",
    tests: ["catalog/agents_rotated"],
  },
  {
    guard: "no key makes a key that decides or reads what is private",
    file: "lib/catalog/api_keys.ts",
    find: 'if (caller.type !== "member" && forOwners !== null) {',
    replace: "if (false) {",
    tests: ["catalog/api_keys"],
  },
  {
    guard: "nobody gives or takes a role above their own",
    file: "lib/policy/rights.ts",
    find: 'return hasRight(own, "manage_members") && RANK[other] <= RANK[own];',
    replace: 'return hasRight(own, "manage_members");',
    tests: ["identity/member_rights", "identity/role_rights"],
  },
  {
    guard: "a role has the rights that are written down for it, and none by a slip in the table",
    file: "lib/policy/rights.ts",
    find: '  kill_switch_off: ["owner"],',
    replace: '  kill_switch_off: ["owner", "admin"],',
    tests: ["identity/role_rights"],
  },
  {
    guard: "a credential gets its requests a minute and not one more",
    file: "lib/identity/limits.ts",
    find: "if (count > left) {",
    replace: "if (count > left + 1) {",
    tests: ["identity/rate_limit"],
  },
];

const PEOPLE: readonly Mutant[] = [
  {
    guard: "nobody puts a key of their own under a credential id that is in use",
    file: "lib/people/enrolment.ts",
    find: 'if (taken) throw new Refusal("assertion_not_accepted", { why: "passkey_taken" });',
    replace: "",
    tests: ["people/step_up"],
  },
  {
    guard: "the nonce of a ceremony counts once",
    file: "lib/people/ceremonies.ts",
    find: "transaction.delete(ceremonyKey(secretHash(nonce)));",
    replace: "",
    tests: ["people/sign_in"],
  },
  {
    guard: "the nonce of a ceremony counts for whom it was handed to",
    file: "lib/people/ceremonies.ts",
    find: "record.purpose === purpose && record.bound === bound;",
    replace: "record.purpose === purpose;",
    tests: ["people/sign_in"],
  },
  {
    guard: "the nonce of a ceremony counts for its purpose",
    file: "lib/people/ceremonies.ts",
    find: "record.purpose === purpose && record.bound === bound;",
    replace: "record.bound === bound;",
    tests: ["people/step_up"],
  },
  {
    guard: "a code takes five wrong tries",
    file: "lib/people/email_codes.ts",
    find: "const tries_left = record.tries_left - 1;",
    replace: "const tries_left = record.tries_left;",
    tests: ["people/codes"],
  },
  {
    guard: "an address takes so many wrong tries a day",
    file: "lib/people/email_codes.ts",
    find: "failed: [...limit.failed, now]",
    replace: "failed: limit.failed",
    tests: ["people/codes"],
  },
  {
    guard: "a fresh assertion is of the session's own person",
    file: "lib/people/sign_in.ts",
    find: "if (assertion.account.id !== caller.account.id) {",
    replace: "if (false) {",
    tests: ["people/step_up"],
  },
  {
    guard: "a passkey is added under a fresh assertion, by whoever has its ceremony too",
    file: "lib/people/passkeys.ts",
    find: "{ enrolment, count }) {\n          requireFreshAccount(caller, ADDING);",
    replace: "{ enrolment, count }) {",
    tests: ["people/step_up"],
  },
  {
    guard: "a session that ended while its request was under way commits nothing for its person",
    file: "lib/identity/acting.ts",
    find: "requireLive(record, now);",
    replace: "",
    tests: ["people/sign_in"],
  },
  {
    guard: "nobody removes another's passkey",
    file: "lib/people/passkeys.ts",
    find:
      "const { account, session: { hash } } = caller;\n        if (passkey?.account !== account.id) {",
    replace: "const { account, session: { hash } } = caller;\n        if (passkey === null) {",
    tests: ["people/passkeys"],
  },
  {
    guard: "a new organization is no way around the hold of a recovery",
    file: "lib/people/recovery_holds.ts",
    find: "return { ...member, held_until: Math.max(until, member.held_until ?? 0) };",
    replace: "return member;",
    tests: ["people/recovery_hold"],
  },
  {
    guard: "no new passkey before every organization holds its member",
    file: "lib/people/recovery.ts",
    find: "recovery?.id === asked.recovery && recovery.waiting.length === 0;",
    replace: "recovery?.id === asked.recovery;",
    tests: ["people/recover"],
    explained:
      "the lines before have every organization hold its member, or fail; only a recovery " +
      "that is begun in between waits anew, and that has another id",
  },
  {
    guard: "a recovery ends the passkeys of before",
    file: "lib/people/recovery.ts",
    find: "transaction.delete(passkeyKey(credential_id));",
    replace: "",
    tests: ["people/recover"],
  },
  {
    guard: "the secret of an operator's link is compared",
    file: "lib/people/links.ts",
    find: "timingSafeEqual(bytes(hash), bytes(record.hash));",
    replace: "bytes(hash).length === bytes(record.hash).length;",
    tests: ["people/recover"],
  },
  {
    guard: "an invitation ends when whoever made it recovers their account",
    file: "lib/people/invitations.ts",
    find: "return inviter.recovered_at === null || inviter.recovered_at < invitation.created_at;",
    replace: "return true;",
    tests: ["people/left_behind"],
  },
  {
    guard: "an invitation is accepted by whose address it is to",
    file: "lib/people/links.ts",
    find: "if (open.email !== null && open.email !== email) {",
    replace: "if (false) {",
    tests: ["people/invitation"],
  },
];

const OAUTH: readonly Mutant[] = [
  {
    guard: "a code gives tokens once",
    file: "lib/oauth/tokens.ts",
    find: "if (record.used_at !== null) {",
    replace: "if (false) {",
    tests: ["oauth/code"],
  },
  {
    guard: "a code is exchanged by the client that it was given to",
    file: "lib/oauth/tokens.ts",
    find: "return record.client_id === client_id &&\n    (redirect_uri",
    replace: "return (redirect_uri",
    tests: ["attacks/oauth"],
  },
  {
    guard: "a code is exchanged with its verifier",
    file: "lib/oauth/tokens.ts",
    find: "return made.length === expected.length && timingSafeEqual(made, expected);",
    replace: "return made.length === expected.length;",
    tests: ["attacks/oauth"],
  },
  {
    guard: "an answer goes to an address that the client declared, to the letter",
    file: "lib/oauth/redirect_uri.ts",
    find: "if (own.includes(given)) return true;",
    replace: "if (own.some((one) => given.startsWith(one))) return true;",
    tests: ["oauth/redirect_uri"],
  },
  {
    guard: "another client's refresh token gives nothing",
    file: "lib/oauth/refresh.ts",
    find:
      "if (presented.client_id !== client_id || !stillLasts(expires_at, REFRESH_TOKEN_MS, now)) {",
    replace: "if (!stillLasts(expires_at, REFRESH_TOKEN_MS, now)) {",
    tests: ["oauth/tokens_property"],
  },
  {
    guard: "a refresh token that is used again later ends the connection",
    file: "lib/oauth/refresh.ts",
    find: 'return isWithin(GRACE_MS, successor.at, now) ? "repeats" : "reuses";',
    replace: 'return "repeats";',
    tests: ["oauth/races"],
  },
  {
    guard: "a viewer lets no program write",
    file: "lib/identity/grant_caller.ts",
    find: 'scope === "mcp:write" ? "grant_write" : "grant_read"',
    replace: '"grant_read"',
    tests: ["attacks/oauth"],
  },
  {
    guard: "a token reaches what it is for, whatever its connection reaches",
    file: "lib/identity/grant_caller.ts",
    find: "if (!scopes.includes(needs) || !presented.scopes.includes(needs)) {",
    replace: "if (!scopes.includes(needs)) {",
    tests: ["oauth/substitution"],
  },
  {
    guard: "a token for another resource is good for nothing",
    file: "lib/oauth/access.ts",
    find:
      "if (grant === undefined || grant.resource !== mcpResource(services.settings)) return null;",
    replace: "if (grant === undefined) return null;",
    tests: ["oauth/substitution"],
  },
  {
    guard: "an access token is over at the millisecond of its end",
    file: "lib/oauth/access.ts",
    find:
      "if (token === undefined || !stillLasts(token.expires_at, ACCESS_TOKEN_MS, deps.now())) {",
    replace:
      "if (token === undefined || !stillLasts(token.expires_at, ACCESS_TOKEN_MS, deps.now() - 1)) {",
    tests: ["oauth/code", "oauth/tokens_property"],
  },
  {
    guard: "a consent is signed by the session's own person",
    file: "lib/oauth/consent.ts",
    find: "if (assertion.account.id !== account.id) {",
    replace: "if (false) {",
    tests: ["attacks/oauth"],
  },
  {
    guard: "nothing is allowed that the program did not ask for",
    file: "lib/oauth/consent.ts",
    find: "if (beyond !== undefined) {",
    replace: "if (false) {",
    tests: ["attacks/oauth"],
  },
  {
    guard: "a client revokes its own tokens only",
    file: "lib/oauth/tokens.ts",
    find: "if (client_id !== null && client_id !== found.client_id) return;",
    replace: "",
    tests: ["oauth/code"],
  },
];

const LEDGER: readonly Mutant[] = [
  {
    guard: "a commit stands only on the policy that it was decided on",
    file: "lib/ledger/commit.ts",
    find: ".check({ key: policyVersionKey(org), versionstamp: snapshot.versionstamp })\n    .check",
    replace: ".check",
    tests: ["decisions/never_stale"],
  },
  {
    guard: "a commit stands only on the log's end that it was made on",
    file: "lib/ledger/commit.ts",
    find: "if (head !== undefined) operation.check(",
    replace: "if (false) operation.check(",
    tests: ["ledger/commit"],
  },
  {
    guard: "a commit stands only on the records that it was planned on",
    file: "lib/ledger/commit.ts",
    find: "operation.check({ key: key as Deno.KvKey, versionstamp });",
    replace: "",
    tests: ["ledger/commit"],
  },
  {
    guard: "operations of one commit do not overwrite what they read of one another",
    file: "lib/ledger/transaction.ts",
    find: "if (differs || this.writes.has(text)) throw new Deferred();",
    replace: "if (differs) throw new Deferred();",
    tests: ["ledger/commit"],
  },
  {
    guard: "nothing is decided in the commit of a change of the policy",
    file: "lib/ledger/transaction.ts",
    find: "if (this.changesPolicy) throw new Deferred();",
    replace: "",
    tests: ["ledger/commit"],
  },
  {
    guard: "of an operation that throws no entry stays",
    file: "lib/ledger/transaction.ts",
    find: "this.leaves.length = mark.leaves;",
    replace: "",
    tests: ["ledger/commit", "decisions/check"],
  },
  {
    guard: "what is held of the rows that there are goes with the head that it was read under",
    file: "lib/ledger/held_keys.ts",
    find: "if (head === this.#head) return;",
    replace: "return;",
    tests: ["ledger/held_keys", "authorize/asked_before_property"],
  },
  {
    guard: "what a commit writes is held from then on",
    file: "lib/ledger/held_keys.ts",
    find: "this.#hold(text, names.add(String(key.at(-1))));",
    replace: "this.#hold(text, names);",
    tests: ["ledger/held_keys", "authorize/asked_before_property"],
  },
  {
    guard: "a log that is damaged is not grown on",
    file: "lib/ledger/log_tail.ts",
    find: "if (!intact) {",
    replace: "if (false) {",
    tests: ["store/malformed"],
  },
  {
    guard: "a node that is overtaken each time gets its commits in",
    file: "lib/ledger/ledger.ts",
    find: "if (asks) await this.#askForTurn();",
    replace: "",
    tests: ["ledger/commit"],
  },
  {
    guard: "a node that is asked lets the other one in",
    file: "lib/ledger/commit.ts",
    find: "\n    .check({ key: logTurnKey(org), versionstamp: turn });",
    replace: ";",
    tests: ["ledger/commit"],
  },
  {
    guard: "a commit whose answer was lost is not made twice",
    file: "lib/ledger/ledger.ts",
    find: "if (await landed(this.deps.kv, attempt.mark) === null) continue;",
    replace: "continue;",
    tests: ["ledger/failing_store", "ledger/lost_answers"],
  },
  {
    guard: "nothing is committed by a clock that may be wrong",
    file: "lib/ledger/commit.ts",
    find: "if (refused) throw new ClockRefused(doubt);",
    replace: "",
    tests: ["ledger/clock_doubt"],
  },
  {
    guard: "a clock that is set back brings nothing to life again",
    file: "lib/ledger/clock.ts",
    find: "if (set < deadline && deadline <= at) return true;",
    replace: "",
    tests: ["ledger/clocks"],
  },
  {
    guard: "a private value is no guess away from the digest in its leaf",
    file: "lib/ledger/entry.ts",
    find: "= digestOf(salt, canonical[name] ?? canonicalJson(value));",
    replace: '= digestOf("", canonical[name] ?? canonicalJson(value));',
    tests: ["evidence/export"],
  },
  {
    guard: "what is erased is gone from the store",
    file: "lib/ledger/erase_private.ts",
    find: "const rest = without(parts, erased);",
    replace: "const rest = parts;",
    tests: ["leaving/delete_account"],
  },
  {
    guard: "an account that is left in no org goes",
    file: "lib/people/left_behind.ts",
    find: "keepForNow(transaction, { ...account, orgs }, now);",
    replace: "transaction.set(accountKey(account.id), { ...account, orgs });",
    tests: ["leaving/orgless_accounts"],
  },
  {
    guard: "an account in no org that is used stays for another week",
    file: "lib/leaving/orgless_accounts.ts",
    find: "used.push(last_used_at ?? created_at);",
    replace: "",
    tests: ["leaving/orgless_accounts"],
  },
  {
    guard: "a sign-in stands against the end of the account at this very moment",
    file: "lib/people/ceremonies.ts",
    find: "if (account.orgs.length === 0) transaction.set(accountKey(account.id), account);",
    replace: "",
    tests: ["leaving/orgless_accounts"],
  },
  {
    guard: "what was erased is rewritten out of the file",
    file: "lib/ledger/erase_private.ts",
    find: "transaction.set(erasedKey(), { at: transaction.now });",
    replace: "",
    tests: ["store/compact"],
  },
];

/** By room, in the order in which a request comes by them. */
export const MUTANTS: readonly Mutant[] = [
  ...DECISIONS,
  ...APPROVALS,
  ...TOKENS,
  ...IDENTITY,
  ...PEOPLE,
  ...OAUTH,
  ...LEDGER,
];

/** The text of a file with its guard broken. @throws when the line is not there, or not once */
export function broken(source: string, { file, find, replace }: Mutant): string {
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `${file} has ${parts.length - 1} times what one mutant breaks: ${JSON.stringify(find)}. ` +
        "Say in tools/mutants.ts what the guard is now.",
    );
  }
  return parts.join(replace);
}

/** Where the tests of a mutant are, from the project's root. */
export function testFiles({ tests }: Pick<Mutant, "tests">): string[] {
  return tests.map((name) => `tests/${name}_test.ts`);
}
