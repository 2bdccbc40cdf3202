import { brokenStep } from "countersign";
import {
  ACTION_FIELDS,
  actionOf,
  ended,
  OUTPUT_FIELDS,
  REASON_FIELD,
  REFUSED_FIELD,
  SAMPLE,
} from "./action.js";
import { clientOf, looked } from "./client.js";
import { referenceOf } from "./places.js";

const isAsked = (value) =>
  typeof value?.permission === "string" &&
  (value.approval === undefined || typeof value.approval?.reference === "string");

/**
 * Asks a person: the request that this Zap waits for. From here on the Zap sleeps until it is woken,
 * whatever is returned, so that everything else stops it.
 */
async function asked(z, bundle, action) {
  const stop = (why) => new z.errors.HaltedError(`${action.tool_name} may not run. ${why}`);
  const reference_id = referenceOf(await z.generateCallbackUrl());
  if (reference_id === null) {
    throw stop("The address to wake the Zap by is too long");
  }
  const { reason } = bundle.inputData;
  const body = { ...action, reason, request: true, reference_id };
  let answer;
  try {
    const client = clientOf(z, bundle);
    answer = await client.post("/v1/permissions/check", body, isAsked, { once: true });
  } catch (error) {
    const { code, message, what_to_do } = brokenStep(action.tool_name, error);
    throw stop(`${code}: ${message}. ${what_to_do}`);
  }
  const { approval } = answer;
  if (approval?.status !== "pending") {
    throw stop("It was decided meanwhile. Run it again.");
  }
  const { reference } = approval;
  if (approval.reference_id === reference_id) return approval;
  throw stop(`pending: another run waits for a person about the same action (${reference})`);
}

/** Has the Zap go on when a person has approved exactly this run. */
export const askAndWait = {
  key: "ask_and_wait",
  noun: "Action",
  display: {
    label: "Ask and Wait",
    description: "Goes on once exactly this run is allowed, or a person has approved it.",
  },
  operation: {
    inputFields: [...ACTION_FIELDS, REASON_FIELD, REFUSED_FIELD],
    outputFields: OUTPUT_FIELDS,
    sample: SAMPLE,
    perform: async (z, bundle) => {
      const action = actionOf(z, bundle);
      const now = await looked(z, bundle, action);
      if (now.passes || now.code !== "requires_approval") {
        return ended(z, bundle, action, now);
      }
      const { reference, review_url } = await asked(z, bundle, action);
      return { id: reference, allowed: false, code: "pending", reference, review_url };
    },
    /** Whoever called, and whatever they sent: Countersign is asked again, and nothing else. */
    performResume: async (z, bundle) => {
      const action = actionOf(z, bundle);
      return ended(z, bundle, action, await looked(z, bundle, action));
    },
  },
};
