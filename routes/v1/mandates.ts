import { z } from "zod";
import { delegateMandate, type Delegation } from "../../lib/granting/delegate.ts";
import { type Grant, type GrantedMandate, grantMandate } from "../../lib/granting/grant.ts";
import { revokeMandate } from "../../lib/granting/revoke.ts";
import { revokeByUser } from "../../lib/granting/revoke_by_user.ts";
import { isId } from "../../lib/base/id.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import {
  mandateLogChunks,
  readMandateLog,
  readMandateLogOn,
} from "../../lib/evidence/mandate_log.ts";
import { clocksAt } from "../../lib/ledger/clock.ts";
import { listMandates } from "../../lib/mandates/listing.ts";
import { loadCounted, mayKnow, standingNow } from "../../lib/mandates/mandate.ts";
import { assertionResponse } from "../../lib/passkeys/responses.ts";
import { invalidRequest, Refusal } from "../../lib/refusal.ts";
import { budgetTermsOf } from "../fields/budget.ts";
import { mandateId, userId } from "../fields/action.ts";
import {
  afterMandate,
  definitionOf,
  delegationBody,
  grantBody,
  MANDATE_STATES,
  mandateAnswer,
  renderMandate,
  scopesOf,
} from "../fields/mandate.ts";
import { streamedLines } from "../fields/log.ts";
import { decodeCursor, encodeCursor, pageAnswer, pageQuery } from "../fields/paging.ts";
import type { Answer, OpenCall } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Mandates";

const PATH = "/v1/mandates/:id";

const byId = z.object({ id: mandateId });

const grantedAnswer = mandateAnswer.extend({
  replaced: z.string().optional().describe("The mandate that ended by this one"),
  audit: z.object({ index: z.int(), leaf_hash: z.string() }),
});

const listQuery = z.strictObject({
  ...pageQuery,
  user_id: userId.optional(),
  agent: z.string().min(1).max(128).optional(),
  state: z.enum(MANDATE_STATES).optional(),
  parent: mandateId.optional().describe("Those that were made of it"),
});

const revokeBody = z.strictObject({
  by: z.string().min(1, "must not be empty").max(128, "has at most 128 characters")
    .refine((text) => externalIdProblem(text) === null, "has characters that nobody sees")
    .describe("Who wants it ended, such as `user`"),
  note: z.string().min(1).max(512).nullish().describe("Why; scrubbed before it is kept"),
  statement: z.strictObject({
    v: z.literal(1),
    type: z.literal("countersign.mandate-revocation"),
    issuer: z.string().max(512),
    org: z.string().refine((text) => isId(text, "org"), "is no id of an organization"),
    mandate: z.string().max(64),
    user: z.string().max(512),
    issued_at: z.string().refine(isMoment, "must be a time in UTC with milliseconds"),
  }).exactOptional().describe("What the user signed, where no key is presented"),
  assertion: assertionResponse.exactOptional().describe(
    "By a passkey of the user; its challenge is the digest of the statement",
  ),
});

function isMoment(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text;
}

/** The user of a mandate ends it by their own passkey. @throws {Refusal} */
async function revokeWithoutKey(call: OpenCall): Promise<Answer> {
  const { services, client } = call;
  const { id } = call.params as z.output<typeof byId>;
  const { by, note = null, statement, assertion } = call.body as z.output<typeof revokeBody>;
  services.sourceLimits.take(client.ip, services.deps.now());
  if (assertion === undefined) throw new Refusal("missing_credentials", {});
  if (statement === undefined) throw invalidRequest("/statement", "is missing: it was signed");
  const signed = { statement, response: assertion };
  const counted = await revokeByUser(services, id, { by, note }, signed, client);
  return { status: 200, body: renderMandate(counted, clocksAt(services.deps.now())) };
}

function delegationOf(body: z.output<typeof delegationBody>): Delegation {
  const { parent, agent, user_id, tenant_id, expires_at, metadata, budget, uses } = body;
  return {
    parent,
    agent: agent ?? null,
    scopes: scopesOf(body.scopes),
    user_id: user_id ?? null,
    tenant_id: tenant_id ?? null,
    expires_at: expires_at == null ? null : Date.parse(expires_at),
    metadata: metadata ?? {},
    budget: budget == null ? null : budgetTermsOf(budget),
    uses: uses ?? null,
  };
}

function grantOf(body: z.output<typeof grantBody>): Grant {
  const { user_id, tenant_id, expires_at, replaces, metadata, budget, uses } = body;
  return {
    granted: "bundle" in body
      ? {
        bundle: body.bundle.id,
        edition: body.bundle.edition ?? null,
        scopes: body.scopes ?? null,
      }
      : { definition: definitionOf(body) },
    user_id,
    tenant_id: tenant_id ?? null,
    expires_at: expires_at == null ? null : Date.parse(expires_at),
    replaces: replaces ?? null,
    metadata: metadata ?? {},
    budget: budget == null ? null : budgetTermsOf(budget),
    uses: uses ?? null,
  };
}

export const mandateRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/mandates",
    group,
    summary: "Grant a mandate",
    description:
      "What a user lets an agent do: scopes of an edition of a bundle, or scopes that stand here. " +
      "It only ever narrows what the policy allows, and its terms never change: `replaces` ends " +
      "another one in the same commit. A standard key needs `may_grant`. With `parent` it is a part " +
      "of that mandate for another agent: narrower only, ended and spent with it, and its own agent " +
      "may make one, too.",
    callers: ["management", "standard", "agent"],
    body: z.union([grantBody, delegationBody]),
    answers: { 201: grantedAnswer },
    refusals: [
      "not_found",
      "tenant_not_permitted",
      "mandate_not_found",
      "mandate_ended",
      "mandate_too_wide",
      "mandate_too_deep",
      "tool_disabled",
    ],
    handle: (call) => {
      const answer = ({ audit, ...granted }: GrantedMandate) => ({
        status: 201,
        body: {
          ...renderMandate(granted, clocksAt(call.services.deps.now())),
          ...(granted.record.replaces === null ? {} : { replaced: granted.record.replaces }),
          audit: { ...audit },
        },
      });
      return "parent" in call.body
        ? call.commit(delegateMandate(delegationOf(call.body), call.id), answer)
        : call.commit(grantMandate(grantOf(call.body), call.id), answer);
    },
  }),
  guarded({
    method: "get",
    path: "/v1/mandates",
    group,
    summary: "List mandates, the newest first",
    description: "A page may have fewer than `limit` where few of many have the state.",
    callers: ["management", "standard"],
    query: listQuery,
    answers: { 200: pageAnswer(mandateAnswer) },
    handle: async (call) => {
      const { user_id = null, agent = null, state = null, parent = null } = call.query;
      const { limit, cursor } = call.query;
      const clocks = clocksAt(call.services.deps.now());
      const after = cursor === undefined ? null : decodeCursor(cursor, afterMandate)[0];
      const { items, next } = await call.transact({
        load: (reader, caller) =>
          listMandates(reader, caller, { user_id, agent, state, parent }, { limit, after }),
        plan: (_transaction, _caller, page) => page,
      });
      const data = items.map((counted) => renderMandate(counted, clocks));
      return {
        status: 200,
        body: { data, next_cursor: next === null ? null : encodeCursor([next]) },
      };
    },
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a mandate as it stands",
    callers: ["management", "standard"],
    params: byId,
    answers: { 200: mandateAnswer },
    refusals: ["mandate_not_found"],
    handle: async (call) => {
      const { id } = call.params;
      const counted = await call.transact({
        load: (reader) => loadCounted(reader, id),
        plan(transaction, caller, loaded) {
          if (loaded === null || !mayKnow(caller, loaded.record)) {
            throw new Refusal("mandate_not_found", { mandate_id: id });
          }
          return standingNow(transaction, loaded);
        },
      });
      return { status: 200, body: renderMandate(counted, clocksAt(call.services.deps.now())) };
    },
  }),
  guarded({
    method: "get",
    path: "/v1/mandates/:id/log",
    group,
    summary: "Export the log of a mandate as NDJSON",
    description:
      "All entries about the mandate, each with the proof that it is in the log: a first line with " +
      "`checkpoint`, `keys` and, for management keys, the `definition` that its scopes are of; a " +
      "line an entry (`index`, `leaf_hash`, `inclusion`, `entry`, `private`); a last one " +
      '`{"end": {"seq"}}`. `deno task verify --mandate FILE --keys FILE` checks that none is ' +
      "missing between them, and recounts what was spent of the mandate's own budgets.",
    callers: ["standard", "management"],
    params: byId,
    answers: { 200: null },
    media: "application/x-ndjson",
    refusals: ["mandate_not_found"],
    handle: (call) =>
      streamedLines(call, call.params.id, async () => {
        const log = await call.transact(readMandateLog(call.params.id, call.client));
        return {
          chunks: mandateLogChunks(call.services, call.org, log),
          goOn: () => call.transact(readMandateLogOn(call.params.id, log)),
        };
      }),
  }),
  guarded({
    method: "post",
    path: "/v1/mandates/:id/revoke",
    group,
    summary: "Revoke a mandate",
    description:
      "In force on the next call, on every node: nothing is allowed under it any more, its unspent " +
      "run tokens are void, and what waits for approval under it is cancelled. One that was ended " +
      "already is answered as it is. The user does it by nobody's key but a passkey of theirs, over " +
      '`{"v": 1, "type": "countersign.mandate-revocation", "issuer", "org", "mandate", "user", ' +
      '"issued_at"}`, with the SHA-256 of its RFC 8785 form as the challenge; it counts for five ' +
      "minutes.",
    callers: ["standard", "approver", "management"],
    params: byId,
    body: revokeBody,
    answers: { 200: mandateAnswer },
    refusals: ["mandate_not_found", "assertion_not_accepted", "rate_limited"],
    keyless: revokeWithoutKey,
    handle: (call) => {
      const { by, note = null, statement, assertion } = call.body;
      if (statement !== undefined || assertion !== undefined) {
        const path = assertion === undefined ? "/statement" : "/assertion";
        throw invalidRequest(path, "is the user's own, and goes without a key");
      }
      return call.commit(revokeMandate(call.params.id, { by, note }, call.id), (counted) => ({
        status: 200,
        body: renderMandate(counted, clocksAt(call.services.deps.now())),
      }));
    },
  }),
];
