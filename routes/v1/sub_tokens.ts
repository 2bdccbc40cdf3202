import { z } from "zod";
import { isId } from "../../lib/base/id.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import {
  createSubToken,
  listSubTokens,
  type NewSubToken,
  readSubToken,
  revokeSubToken,
  type StandingSubToken,
} from "../../lib/catalog/sub_tokens.ts";
import { SUB_TOKEN_STATES } from "../../lib/identity/sub_token.ts";
import { methodName, resourceId, ruled, tenantId, toolName } from "../fields/action.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageById, pageQuery } from "../fields/paging.ts";
import { tagName } from "../fields/catalog.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Machines";

/** Longest life of one, seconds. */
const MOST_SECONDS = 24 * 60 * 60;

const MOST_USES = 1_000_000;

/** Most that one list names. */
const MOST_NAMED = 50;

function listOf(item: z.ZodType<string>, what: string) {
  return z.array(item).min(1, "must name something; leave it out for all that the maker reaches")
    .max(MOST_NAMED, `names at most ${MOST_NAMED}`)
    .refine((names) => new Set(names).size === names.length, "names something twice")
    .nullable().default(null)
    .describe(`${what}; absent or null for all that the maker reaches`);
}

const newSubToken = z.strictObject({
  name: ruled(
    z.string().min(1, "must not be empty").max(100, "has at most 100 characters"),
    externalIdProblem,
  ).describe("What people call it"),
  ttl_seconds: z.int().min(1, "must be at least 1").max(MOST_SECONDS, `is at most ${MOST_SECONDS}`)
    .describe("For how long it is good, seconds; never for longer than its maker"),
  max_uses: z.int().min(1, "must be at least 1, or null").max(MOST_USES, `is at most ${MOST_USES}`)
    .nullable().default(null)
    .describe("How many decisions may be made with it; null for any number"),
  tools: listOf(toolName, "The tools that it reaches, by name"),
  tags: listOf(tagName, "Tags, of which a tool that it reaches has at least one"),
  methods: listOf(methodName, "The methods that it reaches; an action without one is outside"),
  resources: listOf(resourceId, "The resources that it reaches; an action without one is outside"),
  tenant_ids: listOf(tenantId, "The tenants that it reaches; an action without one is outside"),
  trust_tier: z.int().min(0).max(3).nullable().default(null)
    .describe("Trust from 0 to 3, at most its maker's; absent or null for as much"),
});

const subToken = z.object({
  id: z.string(),
  name: z.string(),
  parent: z.string().describe("The agent or standard key that made it, by id"),
  state: z.enum(SUB_TOKEN_STATES)
    .describe("`revoked` also once its maker is out of force, whose rights it has"),
  tools: z.array(z.string()).nullable(),
  tags: z.array(z.string()).nullable(),
  methods: z.array(z.string()).nullable(),
  resources: z.array(z.string()).nullable(),
  tenant_ids: z.array(z.string()).nullable(),
  trust_tier: z.number(),
  max_uses: z.number().nullable(),
  use_count: z.number().describe("How many decisions were made with it"),
  last_used_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  revoked_at: z.iso.datetime().nullable(),
});

const madeSubToken = subToken.extend({ token: z.string().describe("Shown once") });

const byId = z.object({
  id: z.string().refine((id) => isId(id, "sub"), "must be the id of a sub-token"),
});

function fieldsOf(body: z.output<typeof newSubToken>): NewSubToken {
  const { name, ttl_seconds, max_uses, trust_tier, ...scope } = body;
  return { name, ttl_seconds, max_uses, trust_tier, scope };
}

function renderSubToken({ record, use, state }: StandingSubToken): JsonObject {
  const { id, name, maker, scope, trust_tier, max_uses } = record;
  return {
    id,
    name,
    parent: maker.id,
    state,
    ...scope,
    trust_tier,
    max_uses,
    use_count: use?.count ?? 0,
    last_used_at: timeText(use?.last_used_at ?? null),
    created_at: timeText(record.created_at),
    expires_at: timeText(record.expires_at),
    revoked_at: timeText(record.revoked_at),
  };
}

export const subTokenRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/sub-tokens",
    group,
    summary: "Make a sub-token: a narrower, short-lived token of one's own",
    description: "For a step, a sub-agent or a sandbox that needs part of what its maker may. At " +
      "each use it may what its maker may at that moment, and of that what it reaches; what it " +
      "does not reach is the verdict `disabled`, `resolved_from` `sub_token`. One use is one " +
      "decision made with it; going on with a pending call is none. It is good for `POST " +
      "/v1/permissions/check`, `/v1/calls`, `/mcp`, `/mcp/gateway`, `/v1/ws`, and for reading and " +
      "withdrawing its own requests. Its token is in this answer and nowhere else: it is stored " +
      "as SHA-256 only.",
    callers: ["standard", "agent"],
    body: newSubToken,
    answers: { 201: madeSubToken },
    refusals: ["sub_token_too_wide", "too_many_sub_tokens"],
    handle: (call) =>
      call.commit(
        createSubToken(fieldsOf(call.body), call.id),
        (made) => ({ status: 201, body: { ...renderSubToken(made), token: made.secret } }),
      ),
  }),
  guarded({
    method: "get",
    path: "/v1/sub-tokens",
    group,
    summary: "List sub-tokens, the newest first",
    description:
      "A maker sees its own, a management key all. Each is known for a month after its " +
      "end.",
    callers: ["standard", "agent", "management"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(subToken) },
    handle: async (call) => {
      const { snapshot, caller } = await call.transact({
        plan: ({ snapshot }, caller) => ({ snapshot, caller }),
      });
      const { items, next_cursor } = await pageById(
        (span) => listSubTokens(call.services.deps, snapshot, caller, span),
        call.query,
      );
      return { status: 200, body: { data: items.map(renderSubToken), next_cursor } };
    },
  }),
  guarded({
    method: "get",
    path: "/v1/sub-tokens/:id",
    group,
    summary: "Read a sub-token",
    callers: ["standard", "agent", "management"],
    params: byId,
    answers: { 200: subToken },
    refusals: ["not_found"],
    handle: async (call) => ({
      status: 200,
      body: renderSubToken(await call.transact(readSubToken(call.params.id))),
    }),
  }),
  guarded({
    method: "delete",
    path: "/v1/sub-tokens/:id",
    group,
    summary: "Revoke a sub-token",
    description: "It is void on the next call, on every node, and so are its unspent run tokens.",
    callers: ["standard", "agent", "management"],
    params: byId,
    answers: { 200: subToken },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        revokeSubToken(call.params.id, call.id),
        (revoked) => ({ status: 200, body: renderSubToken(revoked) }),
      ),
  }),
];
