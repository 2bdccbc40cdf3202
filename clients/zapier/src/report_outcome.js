import { clientOf } from "./client.js";

/** Reports what became of a run that was let on. */
export const reportOutcome = {
  key: "report_outcome",
  noun: "Outcome",
  display: {
    label: "Report Outcome",
    description: "Reports what became of a run, for the log and the budget.",
  },
  operation: {
    inputFields: [
      { key: "tool_name", label: "Tool", required: true },
      {
        key: "token",
        label: "Token",
        required: true,
        helpText: "Of the step that let it on.",
      },
      {
        key: "execution_result",
        label: "Result",
        required: true,
        choices: ["success", "failed", "error", "unknown"],
        default: "success",
      },
      { key: "cost_micros", label: "Cost (Micros)", type: "integer" },
    ],
    sample: { id: "exe_01kb9x6q0efz4v4v4y3n8m5s2d" },
    perform: async (z, bundle) => {
      const { tool_name, token, execution_result, cost_micros } = bundle.inputData;
      const cost = cost_micros === undefined ? {} : { cost_micros };
      const body = { tool_name, token, execution_result, ...cost };
      const { execution_id } = await clientOf(z, bundle).log(body);
      return { id: execution_id };
    },
  },
};
