import { z } from "zod";
import { changeTool, existingTool, putTool, removeTool } from "../../lib/catalog/tools.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import { TOOL_STATUSES, type ToolRecord } from "../../lib/store/records/policy.ts";
import { toolName } from "../fields/action.ts";
import {
  categoryName,
  removedAnswer,
  renderTool,
  toolAnswer,
  toolFields,
  writtenAnswer,
} from "../fields/catalog.ts";
import { versionAnswer } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import { guarded, type Route } from "../http/route.ts";

const PATH = "/v1/tools/:name{.+}";

const group = "Configuration";

const byName = z.object({ name: toolName });

const toolBody = z.strictObject({
  name: toolName.exactOptional().describe("If given, the one in the path"),
  ...toolFields,
});

const namedTool = z.strictObject({ name: toolName, ...toolFields });

const toolQuery = z.strictObject({
  ...pageQuery,
  status: z.enum(TOOL_STATUSES).optional(),
  category: categoryName.optional(),
  discovered: z.enum(["true", "false"]).optional()
    .describe("`true` for drafts that were discovered and not looked at yet"),
});

const writtenTool = toolAnswer.extend(versionAnswer);

/** @throws {Refusal} invalid_request when a body names another tool than the path */
function fieldsOf({ name, ...fields }: z.output<typeof toolBody>, path: { name: string }) {
  if (name !== undefined && name !== path.name) {
    throw invalidRequest(
      "/name",
      `is ${name}, and the path names ${path.name}; names do not change`,
    );
  }
  return fields;
}

function matches(
  tool: ToolRecord,
  { status, category, discovered }: z.output<typeof toolQuery>,
): boolean {
  return (status === undefined || tool.status === status) &&
    (category === undefined || tool.category === category) &&
    (discovered === undefined || tool.discovered === (discovered === "true"));
}

export const toolRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/tools",
    group,
    summary: "Register a tool",
    description: "The same as `PUT /v1/tools/:name`: a tool of that name is replaced.",
    callers: ["management"],
    body: namedTool,
    answers: { 200: writtenTool, 201: writtenTool },
    refusals: ["owner_required", "definition_changed"],
    handle: (call) => {
      const { name, ...fields } = call.body;
      return call.commit(
        putTool(name, fields, call.id),
        (written) => writtenAnswer(written, renderTool),
      );
    },
  }),
  guarded({
    method: "get",
    path: "/v1/tools",
    group,
    summary: "List the tools by name",
    callers: ["management", "standard"],
    query: toolQuery,
    answers: { 200: pageAnswer(toolAnswer) },
    handle: (call) =>
      call.transact({
        plan: ({ snapshot }) => {
          const tools = [...snapshot.tools.values()].filter((tool) => matches(tool, call.query))
            .sort((a, b) => (a.name < b.name ? -1 : 1));
          const { items, next_cursor } = pageByName(tools, ({ name }) => name, call.query);
          return { status: 200, body: { data: items.map(renderTool), next_cursor } };
        },
      }),
  }),
  guarded({
    method: "put",
    path: PATH,
    group,
    summary: "Register a tool, or replace its description",
    description: "Members that are absent get their defaults; only the kill switch stays as it " +
      "is unless it is named. When the description, annotations, parameters or risk level change, " +
      "approvals that are pending or unused are cancelled.",
    callers: ["management"],
    params: byName,
    body: toolBody,
    answers: { 200: writtenTool, 201: writtenTool },
    refusals: ["owner_required", "definition_changed"],
    handle: (call) => {
      const fields = fieldsOf(call.body, call.params);
      return call.commit(
        putTool(call.params.name, fields, call.id),
        (written) => writtenAnswer(written, renderTool),
      );
    },
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a tool",
    callers: ["management", "standard"],
    params: byName,
    answers: { 200: toolAnswer },
    refusals: ["not_found"],
    handle: (call) =>
      call.transact({
        plan: (transaction) => ({
          status: 200,
          body: renderTool(existingTool(transaction, call.params.name)),
        }),
      }),
  }),
  guarded({
    method: "patch",
    path: PATH,
    group,
    summary: "Change named members of a tool",
    description:
      "Members that are absent stay; annotations, and the sides of its guards, are changed one by " +
      "one. A draft is " +
      "approved with `annotations_acknowledged` true and a `default_permission` that is named; one " +
      "of an upstream that has changed it, by the `definition_digest` that was read as well.",
    callers: ["management"],
    params: byName,
    body: toolBody,
    answers: { 200: writtenTool },
    refusals: ["not_found", "owner_required", "definition_changed"],
    handle: (call) => {
      const fields = fieldsOf(call.body, call.params);
      return call.commit(
        changeTool(call.params.name, fields, call.id),
        (written) => writtenAnswer(written, renderTool),
      );
    },
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Take a tool out of use",
    description: "A draft is removed. Any other tool is archived: its name stays known, and " +
      "everything that asks for it is refused.",
    callers: ["management"],
    params: byName,
    answers: { 200: writtenTool.extend(removedAnswer) },
    refusals: ["not_found", "owner_required"],
    handle: (call) =>
      call.commit(
        removeTool(call.params.name, call.id),
        ({ record, removed, policy_version }) => ({
          status: 200,
          body: { ...renderTool(record), removed, policy_version },
        }),
      ),
  }),
];
