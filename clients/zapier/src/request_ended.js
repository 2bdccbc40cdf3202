import { clientOf } from "./client.js";

const isList = (value) =>
  Array.isArray(value?.data) &&
  value.data.every(({ id, status }) => typeof id === "string" && typeof status === "string");

/** Starts a Zap for each request that was decided, or ended otherwise. */
export const requestEnded = {
  key: "request_ended",
  noun: "Request",
  display: {
    label: "Request Ended",
    description: "Triggers when a request was approved, denied, or ended otherwise.",
  },
  operation: {
    type: "polling",
    sample: {
      id: "apr_01kb9x6q0efz4v4v4y3n8m5s2d",
      reference: "REF-KD7QJ4S8-5V6C",
    },
    perform: async (z, bundle) => {
      const { data } = await clientOf(z, bundle).get(
        "/v1/approvals?limit=100",
        isList,
      );
      return data.filter(({ status }) => status !== "pending")
        .map(({ id, reference, status, tool_name }) => ({
          id,
          reference,
          status,
          tool_name,
        }));
    },
  },
};
