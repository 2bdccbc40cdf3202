import type { Action } from "../actions/action.ts";
import type { ToolFields } from "../catalog/tool_record.ts";

/** Nothing runs behind it: it is there to be asked for. */
export const SAMPLE_TOOL = "sample.send_greeting";

/** What the agent is called that asks for it. */
export const SAMPLE_AGENT = "Sample agent";

export const SAMPLE_REASON = "Sent from the Quickstart, to see how an approval works";

/** The sample tool as it is registered: harmless, and held for a human all the same. */
export const SAMPLE_TOOL_FIELDS: ToolFields = {
  description:
    "A sample: it would send a greeting. Nothing runs behind it, so it can be approved " +
    "and denied at will.",
  risk_level: "low",
  parameters: {
    type: "object",
    properties: {
      to: { type: "string", title: "Who is greeted" },
      greeting: { type: "string", title: "What is said" },
      number: { type: "integer", minimum: 1, title: "Which sample this is" },
    },
    required: ["to", "greeting", "number"],
    additionalProperties: false,
  },
  default_permission: "requires_approval",
  annotations: { read_only: false, destructive: false, idempotent: true, open_world: false },
  annotations_acknowledged: true,
};

/** The action that a member's sample of this number asks for: never the same one twice. */
export function sampleAction(number: number): Action {
  return {
    tool: SAMPLE_TOOL,
    tenant: null,
    resource: null,
    method: null,
    arguments: { to: "the team", greeting: "Hello from your first agent", number },
  };
}
