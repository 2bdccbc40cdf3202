import { ACTION_FIELDS, actionOf, ended, OUTPUT_FIELDS, REFUSED_FIELD, SAMPLE } from "./action.js";
import { looked } from "./client.js";

/** Lets a run on that is allowed, or was approved before. Nobody is asked. */
export const check = {
  key: "check",
  noun: "Action",
  display: {
    label: "Check",
    description: "Goes on once exactly this run is allowed, or was approved before. Asks nobody.",
  },
  operation: {
    inputFields: [...ACTION_FIELDS, REFUSED_FIELD],
    outputFields: OUTPUT_FIELDS,
    sample: SAMPLE,
    perform: async (z, bundle) => {
      const action = actionOf(z, bundle);
      return ended(z, bundle, action, await looked(z, bundle, action));
    },
  },
};
