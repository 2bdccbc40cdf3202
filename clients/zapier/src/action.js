/** What a step is asked about, and what it says. */

export const ACTION_FIELDS = [
  {
    key: "tool_name",
    label: "Tool",
    required: true,
    helpText: "What the guarded step does, by the name that your rules know it under.",
  },
  {
    key: "arguments",
    label: "Arguments",
    dict: true,
    helpText: "What exactly is asked about, as text. Have the guarded step take these from here " +
      "(Arguments), and nothing besides.",
  },
  {
    key: "numbers",
    label: "Arguments That Are Numbers",
    dict: true,
    helpText: "The same for numbers, which rules can compare.",
  },
  { key: "tenant_id", label: "Tenant ID" },
  { key: "resource_id", label: "Resource ID" },
  { key: "method", label: "Method" },
  { key: "mandate_id", label: "Mandate ID" },
];

export const REASON_FIELD = {
  key: "reason",
  label: "Reason",
  required: true,
  type: "text",
  helpText: "Why it is wanted. The person who approves reads it.",
};

export const REFUSED_FIELD = {
  key: "when_refused",
  label: "When Refused",
  choices: { halt: "Stop this run", go_on: "Go on, with Allowed = false" },
  default: "halt",
  helpText: "Go on only into Paths or a Filter that look at **Allowed**.",
};

const FACTS = ["tenant_id", "resource_id", "method", "mandate_id"];

/** The action that the fields say. Values of fields stay values, whatever is written in them. */
export function actionOf(z, { inputData }) {
  const { tool_name, arguments: texts = {}, numbers = {} } = inputData;
  const args = { ...texts };
  for (const [name, text] of Object.entries(numbers)) {
    const number = String(text).trim() === "" ? NaN : Number(text);
    if (!Number.isFinite(number)) {
      throw new z.errors.HaltedError(`"${name}" is no number`);
    }
    if (Object.hasOwn(args, name)) {
      throw new z.errors.HaltedError(`"${name}" is given twice`);
    }
    args[name] = number;
  }
  const facts = FACTS.flatMap((name) => inputData[name] ? [[name, inputData[name]]] : []);
  return { tool_name, arguments: args, ...Object.fromEntries(facts) };
}

/** How a step ends: it passes once, or it stops the run, or says so where that is asked for. */
export function ended(z, { inputData }, action, step) {
  const { tool_name, arguments: args } = action;
  if (step.passes) {
    const { token, token_id, decision_id, reference } = step;
    const said = {
      allowed: true,
      code: "allowed",
      tool_name,
      arguments: args,
      token,
      token_id,
    };
    return { id: token_id, ...said, decision_id, reference };
  }
  const { code, message, reference, review_url, what_to_do } = step;
  if (inputData.when_refused !== "go_on") {
    const about = reference === null ? "" : ` (${reference})`;
    const why = `${code}: ${message}${about}. ${what_to_do}`;
    throw new z.errors.HaltedError(`${tool_name} may not run. ${why}`);
  }
  // Nothing that a step could run with.
  const said = {
    allowed: false,
    code,
    reason: message,
    reference,
    review_url,
    what_to_do,
  };
  return { id: reference ?? code, ...said };
}

export const SAMPLE = {
  id: "rtk_01kb9x6q0efz4v4v4y3n8m5s2d",
  allowed: true,
  code: "allowed",
  tool_name: "refund_order",
  arguments: { order_id: "order-17", amount: 5 },
  token: "cs_run_sample",
  token_id: "rtk_01kb9x6q0efz4v4v4y3n8m5s2d",
  decision_id: "dec_01kb9x6q0efz4v4v4y3n8m5s2d",
  reference: "REF-KD7QJ4S8-5V6C",
};

export const OUTPUT_FIELDS = [
  { key: "allowed", label: "Allowed", type: "boolean" },
  { key: "code", label: "Code" },
  { key: "reason", label: "Reason" },
  { key: "reference", label: "Reference" },
  { key: "token", label: "Token" },
];
