import { clientOf } from "./client.js";
import { placeOf } from "./places.js";

const isApproval = (value) =>
  typeof value?.status === "string" && typeof value.reference === "string";

/** Has the Zap that waits for a request look again. */
export const wakeZap = {
  key: "wake_zap",
  noun: "Zap",
  display: {
    label: "Wake a Waiting Zap",
    description: "Has the Zap that asked and waits look again, once its request has ended.",
  },
  operation: {
    inputFields: [{ key: "request", label: "Request", required: true }],
    sample: { id: "REF-KD7QJ4S8-5V6C", woken: true },
    perform: async (z, bundle) => {
      const path = `/v1/approvals/${encodeURIComponent(bundle.inputData.request)}`;
      const client = clientOf(z, bundle);
      const { status, reference, reference_id } = await client.get(
        path,
        isApproval,
      );
      const url = placeOf(reference_id);
      if (status === "pending" || url === null) {
        return { id: reference, woken: false };
      }
      // It says nothing: whoever wakes a Zap is not believed.
      const answer = await z.request({
        url,
        method: "POST",
        json: {},
        skipThrowForStatus: true,
      });
      if (answer.status >= 500) {
        throw new Error(`Zapier answered ${answer.status}`);
      }
      return { id: reference, woken: answer.status < 300 };
    },
  },
};
