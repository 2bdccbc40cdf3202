import type { INodeProperties } from "n8n-workflow";

/** What the node asks its user for. */

const ACTION = ["check", "ask", "confirm"];

const onAction = (...operation: readonly string[]) => ({
  show: { resource: ["action"], operation: [...operation] },
});

export const properties: INodeProperties[] = [
  {
    displayName: "Resource",
    name: "resource",
    type: "options",
    noDataExpression: true,
    options: [
      { name: "Action", value: "action" },
      { name: "Run", value: "run" },
      { name: "Waiting Workflow", value: "waiting" },
    ],
    default: "action",
  },
  {
    displayName: "Operation",
    name: "operation",
    type: "options",
    noDataExpression: true,
    displayOptions: { show: { resource: ["action"] } },
    options: [
      {
        name: "Ask and Wait",
        value: "ask",
        action: "Ask a person where one is needed and wait",
        description: "Passes what is allowed, and what a person approves in time",
      },
      {
        name: "Check",
        value: "check",
        action: "Check whether an item may run now",
        description: "Passes what is allowed, and what was approved before. Nobody is asked.",
      },
      {
        name: "Confirm",
        value: "confirm",
        action: "Ask the user of a mandate to confirm",
        description:
          "Asks without waiting. What is not confirmed yet leaves by Refused with the link for the user: send it, and send the item through here again.",
      },
    ],
    default: "ask",
  },
  {
    displayName: "Operation",
    name: "operation",
    type: "options",
    noDataExpression: true,
    displayOptions: { show: { resource: ["run"] } },
    options: [
      {
        name: "Consume",
        value: "consume",
        action: "Consume a token right before a run",
        description: "Passes an item that a minted token is for, once",
      },
      {
        name: "Log",
        value: "log",
        action: "Report what became of a run",
        description: "Reports the outcome of an item that passed",
      },
      {
        name: "Mint",
        value: "mint",
        action: "Mint a token for another system",
        description: "Gives a token to whoever runs the action, who has to consume it",
      },
    ],
    default: "log",
  },
  {
    displayName: "Operation",
    name: "operation",
    type: "options",
    noDataExpression: true,
    displayOptions: { show: { resource: ["waiting"] } },
    options: [
      {
        name: "Wake",
        value: "wake",
        action: "Wake the workflow that waits for a request",
        description: "Has the workflow that asked look again. It believes nothing that this says.",
      },
    ],
    default: "wake",
  },
  {
    displayName: "Tool Name",
    name: "toolName",
    type: "string",
    required: true,
    default: "",
    placeholder: "refund_order",
    description: "What the guarded step does, by the name that rules know it under",
    displayOptions: { hide: { resource: ["waiting"] } },
  },
  {
    displayName: "Arguments",
    name: "argumentsFrom",
    type: "options",
    options: [
      { name: "The Whole Item", value: "item" },
      { name: "Below", value: "json" },
    ],
    default: "item",
    description:
      "What exactly is asked about and consumed. The guarded step must use nothing of the item besides.",
    displayOptions: { hide: { resource: ["waiting"], operation: ["log"] } },
  },
  {
    displayName: "Arguments (JSON)",
    name: "arguments",
    type: "json",
    default: "{}",
    description:
      "In the guarded step take them from countersign.arguments of the item: these are the ones that were authorized",
    displayOptions: {
      show: { argumentsFrom: ["json"] },
      hide: { resource: ["waiting"], operation: ["log"] },
    },
  },
  {
    displayName: "Reason",
    name: "reason",
    type: "string",
    required: true,
    default: "",
    description: "Why it is wanted; the person who approves reads it",
    displayOptions: onAction("ask", "confirm"),
  },
  {
    displayName: "While Waiting",
    name: "waiting",
    type: "options",
    options: [
      {
        name: "Hold the Execution",
        value: "hold",
        description: "For minutes: nothing else is needed",
      },
      {
        name: "Put the Execution to Sleep",
        value: "sleep",
        description:
          "For hours and days: a second workflow with Waiting Workflow > Wake has to wake it",
      },
    ],
    default: "hold",
    displayOptions: onAction("ask"),
  },
  {
    displayName: "Wait (Seconds)",
    name: "wait",
    type: "number",
    typeOptions: { minValue: 0, maxValue: 3600 },
    default: 300,
    description: "How long to wait for a person. What is not approved by then is refused.",
    displayOptions: {
      show: { resource: ["action"], operation: ["ask"], waiting: ["hold"] },
    },
  },
  {
    displayName: "Token",
    name: "token",
    type: "string",
    typeOptions: { password: true },
    required: true,
    default: "={{ $json.countersign.token }}",
    description: "The token that came with the item",
    displayOptions: {
      show: { resource: ["run"], operation: ["consume", "log"] },
    },
  },
  {
    displayName: "Result",
    name: "result",
    type: "options",
    options: [
      { name: "Error", value: "error" },
      { name: "Failed", value: "failed" },
      { name: "Success", value: "success" },
      { name: "Unknown", value: "unknown" },
    ],
    default: "success",
    description: "What became of the run",
    displayOptions: { show: { resource: ["run"], operation: ["log"] } },
  },
  {
    displayName: "Cost (Micros)",
    name: "costMicros",
    type: "number",
    default: -1,
    description: "What it cost, in millionths; settles the estimate under a mandate. -1 for none.",
    displayOptions: { show: { resource: ["run"], operation: ["log"] } },
  },
  {
    displayName: "Request",
    name: "request",
    type: "string",
    required: true,
    default: "={{ $json.body.data.approval }}",
    description: "The request that ended, as the organization's webhook names it",
    displayOptions: { show: { resource: ["waiting"] } },
  },
  {
    displayName: "Facts",
    name: "facts",
    type: "collection",
    placeholder: "Add Fact",
    default: {},
    displayOptions: { hide: { resource: ["waiting"], operation: ["log"] } },
    options: [
      {
        displayName: "Estimated Cost (Micros)",
        name: "estimated_cost_micros",
        type: "number",
        default: 0,
      },
      {
        displayName: "Mandate ID",
        name: "mandate_id",
        type: "string",
        default: "",
      },
      { displayName: "Method", name: "method", type: "string", default: "" },
      {
        displayName: "Resource ID",
        name: "resource_id",
        type: "string",
        default: "",
      },
      {
        displayName: "Tenant ID",
        name: "tenant_id",
        type: "string",
        default: "",
      },
    ],
  },
  {
    displayName: "Answer Within (Seconds)",
    name: "answerWithin",
    type: "number",
    default: 10,
    description: "How long Countersign may take besides waiting; then the item is refused",
  },
  {
    displayName: "When Refused",
    name: "whenRefused",
    type: "options",
    options: [
      { name: "Use the Output Refused", value: "output" },
      { name: "Stop the Workflow", value: "stop" },
    ],
    default: "output",
    description: "What becomes of an item that may not run. It never leaves by the first output.",
  },
];

/** Operations that ask about the item itself. */
export const ASKING: ReadonlySet<string> = new Set([
  ...ACTION,
  "mint",
  "consume",
]);
