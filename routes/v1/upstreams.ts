import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { APPROVED_AT_ONCE, type ApprovedTool, approveTools } from "../../lib/gateway/approve.ts";
import { clearUpstream, type Refreshed, refreshUpstream } from "../../lib/gateway/refresh.ts";
import { type ApiAuthor, type KeptDocument, putApi } from "../../lib/gateway/document.ts";
import {
  isCurrent,
  putUpstream,
  removeUpstream,
  type SeenUpstream,
  seeUpstream,
  seeUpstreams,
  type UpstreamFields,
  type UpstreamTool,
} from "../../lib/gateway/upstreams.ts";
import { Refusal } from "../../lib/refusal.ts";
import { RISK_LEVELS, TOOL_STATUSES } from "../../lib/store/records/policy.ts";
import { ownUrl } from "../../lib/vault/grant.ts";
import { toolName } from "../fields/action.ts";
import { definitionDigest, renderTool, toolAnswer, toolFields } from "../fields/catalog.ts";
import { timeText, versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import { renderUpstream, upstreamAnswer, upstreamBody, upstreamName } from "../fields/upstream.ts";
import type { Call } from "../http/call.ts";
import { DOCUMENT_BODY } from "../http/inputs.ts";
import { guarded, type Route } from "../http/route.ts";

const PATH = "/v1/upstreams/:name";

const group = "Gateway";

const byName = z.object({ name: upstreamName });

type Named = z.output<typeof byName>;

const writtenUpstream = upstreamAnswer.extend(versionAnswer);

const refreshedAnswer = z.object({
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.object({
    tool: z.string(),
    differs: z.array(z.string()).describe(
      "JSON pointers into the definition; /upstream: all of it",
    ),
  })),
});

const offeredAnswer = z.object({
  name: z.string().describe("In the catalog"),
  exposed_name: z.string().describe("As agents are told it"),
  status: z.enum(TOOL_STATUSES),
  definition_digest: z.string(),
  changed: z.boolean(),
  since: z.iso.datetime().describe("Since when it is defined as it is"),
  seen_at: z.iso.datetime().nullable(),
});

const approveBody = z.strictObject({
  tools: z.array(z.strictObject({
    name: toolName,
    definition_digest: definitionDigest,
    annotations: toolFields.annotations,
    default_permission: toolFields.default_permission,
    category: toolFields.category,
    tags: toolFields.tags,
    risk_level: z.enum(RISK_LEVELS).exactOptional(),
  })).min(1).max(APPROVED_AT_ONCE.tools)
    .refine(
      (tools) => new Set(tools.map(({ name }) => name)).size === tools.length,
      "name a tool twice",
    ),
}).describe("Whoever approves stands for the annotations");

const approvedAnswer = z.object({ data: z.array(toolAnswer), ...versionAnswer });

type Refreshing = Pick<Call<Named, unknown, unknown>, "services" | "org" | "params">;

/**
 * What of a refresh goes to whoever asked for it. Where its credential waits for a person, an upstream
 * is said to be what it is: kept, and to be connected.
 * @throws {Refusal} upstream_unreachable; where it must have an answer also credential_needs_reconnect
 *   and credential_missing
 */
async function refreshed(
  { services, org, params: { name } }: Refreshing,
  needsAnswer: boolean,
  read: KeptDocument | null = null,
): Promise<Refreshed> {
  const outcome = await refreshUpstream(services, org, name, { read });
  if (outcome === null) return NOTHING;
  if (!("is" in outcome)) return outcome;
  const none = { upstream: name, call_id: null, token_id: null, execution_id: null };
  const { why, says, reconnect } = outcome;
  if (why === "needs_reconnect" && reconnect !== undefined) {
    if (!needsAnswer) return NOTHING;
    throw new Refusal("credential_needs_reconnect", { ...none, says, ...reconnect });
  }
  if (why === "unauthorized") {
    const upstream = await services.ledgers.transact(org, {
      plan: ({ snapshot }) => snapshot.upstreams.get(name) ?? null,
    });
    // Its members have not put theirs in yet.
    if (upstream?.credential?.mode === "member") {
      if (!needsAnswer) return NOTHING;
      const connect_url = reconnect?.connect_url ?? ownUrl(services.settings);
      throw new Refusal("credential_missing", { ...none, says, connect_url });
    }
  }
  throw new Refusal("upstream_unreachable", { ...none, says });
}

const NOTHING: Refreshed = { added: [], removed: [], changed: [] };

function renderRefreshed({ added, removed, changed }: Refreshed): JsonObject {
  return {
    added: [...added],
    removed: [...removed],
    changed: changed.map(({ tool, differs }) => ({ tool, differs: [...differs] })),
  };
}

/** The tools of an upstream as it was when it was last asked. */
function offeredTools({ tools, record }: SeenUpstream): readonly UpstreamTool[] {
  return tools.filter((tool) => isCurrent(tool, record));
}

export const upstreamRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/upstreams",
    group,
    summary: "List the upstreams by name",
    callers: ["management"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(upstreamAnswer) },
    handle: async (call) => {
      const all = await call.transact(seeUpstreams());
      const { items, next_cursor } = pageByName(all, ({ record }) => record.name, call.query);
      return {
        status: 200,
        body: {
          data: items.map((one) => renderUpstream(one, call.services.settings)),
          next_cursor,
        },
      };
    },
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Register an upstream, or replace what is said of it",
    description:
      "It is asked for its tools at once. Each becomes the tool `<upstream>/<tool>`, a " +
      "draft that nobody runs before somebody approves it, whatever the upstream says of it. " +
      "Another URL, other headers, or another credential close all of its tools. One that does not " +
      "answer is kept. So is one whose credential waits for a person, which is no failure: the answer " +
      "says so, and where. Of kind `openapi` nothing is asked: its document says what it offers, and " +
      "a later one closes those tools alone that it defines otherwise.",
    callers: ["management"],
    params: byName,
    body: upstreamBody,
    answers: { 200: writtenUpstream, 201: writtenUpstream },
    bodyLimit: DOCUMENT_BODY,
    refusals: ["too_many_upstreams", "upstream_unreachable", "credential_not_for_origin"],
    handle: async (call) => {
      const { services, org, params: { name }, body, id } = call;
      const put = (fields: UpstreamFields) =>
        call.transact(putUpstream(name, fields, services.settings.private_hosts, id));
      const transact: ApiAuthor["transact"] = (operation) => call.transact(operation);
      const { created, read } = body.kind === "mcp"
        ? { ...await put(body), read: null }
        : await putApi({ services, org, transact, put }, name, body);
      await refreshed(call, false, read);
      return await call.transact({
        ...seeUpstream(name),
        plan(transaction, caller, state) {
          const seen = seeUpstream(name).plan(transaction, caller, state);
          const policy_version = transaction.policyVersion;
          return {
            status: created ? 201 : 200,
            body: { ...renderUpstream(seen, services.settings), policy_version },
          };
        },
      });
    },
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read an upstream, and what was last seen of it",
    callers: ["management"],
    params: byName,
    answers: { 200: upstreamAnswer },
    refusals: ["not_found"],
    handle: async (call) => {
      const seen = await call.transact(seeUpstream(call.params.name));
      return { status: 200, body: renderUpstream(seen, call.services.settings) };
    },
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove an upstream",
    description:
      "Nothing of it runs any more. Its approved tools are archived, its drafts removed.",
    callers: ["management"],
    params: byName,
    answers: { 200: z.object({ name: z.string(), removed: z.boolean(), ...versionAnswer }) },
    refusals: ["not_found"],
    handle: async (call) => {
      const { services, org, params: { name }, id } = call;
      const { policy_version } = await call.transact(removeUpstream(name, id));
      await clearUpstream(services, org, name);
      return { status: 200, body: { name, removed: true, policy_version } };
    },
  }),
  guarded({
    method: "post",
    path: `${PATH}/refresh`,
    group,
    summary: "Ask an upstream what it offers",
    description: "The same happens by itself every 15 minutes. A tool that is defined in another " +
      "way than before is a draft again, and its requests are cancelled.",
    callers: ["management"],
    params: byName,
    answers: { 200: refreshedAnswer },
    refusals: [
      "not_found",
      "upstream_unreachable",
      "credential_needs_reconnect",
      "credential_missing",
    ],
    handle: async (call) => {
      const { name } = call.params;
      await call.transact(seeUpstream(name));
      const done = await refreshed(call, true);
      return await call.commit(
        seeUpstream(name),
        () => ({ status: 200, body: renderRefreshed(done) }),
      );
    },
  }),
  guarded({
    method: "get",
    path: `${PATH}/tools`,
    group,
    summary: "List the tools of an upstream by name",
    callers: ["management", "standard"],
    params: byName,
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(offeredAnswer) },
    refusals: ["not_found"],
    handle: async (call) => {
      const seen = await call.transact(seeUpstream(call.params.name));
      const seenAt = seen.state?.listed_at ?? null;
      const { items, next_cursor } = pageByName(offeredTools(seen), ({ name }) => name, call.query);
      const data = items.map(({ name, status, upstream }) => ({
        name,
        exposed_name: upstream.exposed_name,
        status,
        definition_digest: upstream.definition_digest,
        changed: upstream.drifted,
        since: timeText(upstream.since),
        seen_at: seenAt === null ? null : timeText(seenAt),
      }));
      return { status: 200, body: { data, next_cursor } };
    },
  }),
  guarded({
    method: "post",
    path: `${PATH}/approve`,
    group,
    summary: "Approve several tools of an upstream at once",
    description:
      "Each for the definition that was read, by its `definition_digest`. All or none. " +
      "What is not named stays as it is: of a draft, that it requires an approval and is dangerous.",
    callers: ["management"],
    params: byName,
    body: approveBody,
    answers: { 200: approvedAnswer },
    refusals: ["not_found", "definition_changed", "owner_required"],
    handle: (call) => {
      const tools = call.body.tools.map(({ name, definition_digest, ...fields }): ApprovedTool => ({
        name,
        definition_digest,
        fields,
      }));
      return call.commit(
        approveTools(call.params.name, tools, call.id),
        ({ record, policy_version }) => ({
          status: 200,
          body: { data: record.map(renderTool), policy_version },
        }),
      );
    },
  }),
];
