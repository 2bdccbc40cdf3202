import { clientOf } from "./client.js";

const isList = (value) => Array.isArray(value?.data);

/** An agent's token, or a standard key, and where Countersign is. */
export const authentication = {
  type: "custom",
  fields: [
    {
      key: "base_url",
      label: "Base URL",
      required: true,
      helpText: "Where Countersign is, such as `https://countersign.example.com`, without a path.",
    },
    {
      key: "api_key",
      label: "API Key",
      required: true,
      type: "password",
      helpText: "The token of an agent (better), or a standard key.",
    },
  ],
  test: async (z, bundle) => {
    await clientOf(z, bundle).get("/v1/approvals?limit=1", isList);
    return { base_url: new URL(bundle.authData.base_url).host };
  },
  connectionLabel: "{{base_url}}",
};
