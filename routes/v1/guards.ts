import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/base/json.ts";
import { changeGuards, guardsInForce } from "../../lib/catalog/guards.ts";
import { existingTool } from "../../lib/catalog/tools.ts";
import { renderFindings } from "../../lib/decisions/guarded.ts";
import { OF_AN_UPSTREAM } from "../../lib/guards/guards.ts";
import { tryAfter, tryBefore } from "../../lib/guards/try.ts";
import type { Snapshot } from "../../lib/policy/snapshot.ts";
import { afterGuard, beforeGuard, guardsRecord } from "../../lib/store/records/guards.ts";
import { PERMISSIONS } from "../../lib/store/records/vocabulary.ts";
import { toolName } from "../fields/action.ts";
import { findingAnswer, redactionAnswer } from "../fields/guards.ts";
import { versionAnswer } from "../fields/machine.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Configuration";

const sides = z.object({ before: z.array(beforeGuard), after: z.array(afterGuard) });

const guardsAnswer = sides.extend({
  in_force: z.object({ upstreams: sides, others: sides }).describe(
    "What looks at calls of tools that name no guards: of upstreams, and of all others",
  ),
  ...versionAnswer,
});

function renderGuards({ org }: Pick<Snapshot, "org">): JsonObject {
  const { before = [], after = [] } = org.guards ?? {};
  const in_force = {
    upstreams: guardsInForce({ org }, OF_AN_UPSTREAM),
    others: guardsInForce({ org }, null),
  };
  return { before, after, in_force } as unknown as JsonObject;
}

/** Most characters of a text that is tried. */
const MAX_TRIED = 32_768;

const tried = {
  text: z.string().max(MAX_TRIED, `has at most ${MAX_TRIED} characters`).exactOptional(),
  value: z.custom<JsonObject>(isJsonObject, "must be an object").exactOptional()
    .meta({ type: "object", description: "Arguments, or structured content" }),
  tool_name: toolName.exactOptional()
    .describe("Whose guards look; without it those of tools of upstreams"),
};

const tryBody = z.discriminatedUnion("side", [
  z.strictObject({
    side: z.literal("before"),
    ...tried,
    guards: z.array(beforeGuard).max(20, "has at most 20 guards").exactOptional(),
  }),
  z.strictObject({
    side: z.literal("after"),
    ...tried,
    guards: z.array(afterGuard).max(20, "has at most 20 guards").exactOptional(),
  }),
]).refine(
  ({ text, value }) => (text === undefined) !== (value === undefined),
  "must have a text or a value, and not both",
);

const tryAnswer = z.object({
  findings: z.array(findingAnswer),
  redacted: z.unknown().describe("What would stand in its place; null for arguments, which stay"),
  redactions: z.array(redactionAnswer),
  permission: z.enum(PERMISSIONS).optional()
    .describe("Of arguments: the least strict that the answer may be"),
  withheld: z.object({ guard: z.string(), kind: z.string() }).nullable().optional()
    .describe("Of a result: why it would be withheld"),
});

export const guardRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/guards",
    group,
    summary: "Read the guards of all tools",
    callers: ["management"],
    answers: { 200: guardsAnswer },
    handle: (call) =>
      call.transact({
        plan: ({ snapshot }) => ({
          status: 200,
          body: { ...renderGuards(snapshot), policy_version: snapshot.version },
        }),
      }),
  }),
  guarded({
    method: "put",
    path: "/v1/guards",
    group,
    summary: "Replace the guards of all tools",
    description:
      "They look at calls of every tool that has no guard of the same kind of its own. " +
      "A side or a kind that is left out is as it is without a word: tools of upstreams have their " +
      "arguments and results looked at for injections, arguments for secrets, and credentials cut " +
      "out of results; other tools have no guard. `off` switches a kind off.",
    callers: ["management"],
    body: guardsRecord,
    answers: { 200: guardsAnswer },
    refusals: ["owner_required"],
    handle: (call) =>
      call.commit(changeGuards(call.body, call.id), ({ record, policy_version }) => ({
        status: 200,
        body: { ...renderGuards({ org: record }), policy_version },
      })),
  }),
  guarded({
    method: "post",
    path: "/v1/guards/try",
    group,
    summary: "Try guards on a text or a value",
    description: "Decides nothing, and is recorded nowhere.",
    callers: ["management"],
    body: tryBody,
    answers: { 200: tryAnswer },
    refusals: ["not_found"],
    handle: async (call) => {
      const { body } = call;
      const { tool_name } = body;
      const inForce = await call.transact({
        plan: (transaction) =>
          guardsInForce(
            transaction.snapshot,
            tool_name === undefined ? OF_AN_UPSTREAM : existingTool(transaction, tool_name),
          ),
      });
      const looked = body.text === undefined ? { value: body.value ?? {} } : { text: body.text };
      if (body.side === "before") {
        const { findings, permission } = tryBefore(body.guards ?? inForce.before, looked);
        return {
          status: 200,
          body: { findings: renderFindings(findings), redacted: null, redactions: [], permission },
        };
      }
      const { findings, redactions, withheld, redacted } = tryAfter(
        body.guards ?? inForce.after,
        looked,
      );
      return {
        status: 200,
        body: {
          findings: renderFindings(findings),
          redacted: redacted as JsonValue,
          redactions: redactions.map((one) => ({ ...one })),
          withheld: withheld === null ? null : { ...withheld },
        },
      };
    },
  }),
];
