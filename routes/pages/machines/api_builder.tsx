import { z } from "zod";
import { Notice } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import ApiBuilder from "../../../islands/api_builder.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import { readPolicy } from "../../../lib/catalog/apply_policy.ts";
import { builderState } from "../../../lib/onboarding/builder_state.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { memberPage } from "../../dashboard/page.ts";
import { renderPolicy } from "../../fields/policy.ts";

const PATH = "/api-builder";

/** Fields of whichever form was sent, and what was filled in before. */
const query = z.record(z.string().max(64), z.string().max(64 * 1024));

/** Forms that become a script or a policy document. It changes nothing by itself. */
export const apiBuilderPage = memberPage({
  path: PATH,
  title: "API Builder",
  section: "api_builder",
  needs: "read",
  query,
  load: async (call) => {
    const state = builderState(new URLSearchParams(call.query));
    const needsPolicy = state.output === "policy" && state.base === "current";
    return {
      state,
      origin: call.services.settings.url.origin,
      current: needsPolicy ? await currentPolicy(call) : null,
      mayConfigure: hasRight(call.caller.role, "configure"),
    };
  },
  view: ({ data: { state, origin, current, mayConfigure } }) => (
    <>
      <PageHeader
        title="API Builder"
        description="Describe your tools, rules and agents in forms; take them away as a script that
          sets up any organization the same way."
      />
      {!mayConfigure && (
        <Notice tone="info" live={false}>
          You can write scripts here. To run one takes a management key, which owners and admins
          make.
        </Notice>
      )}
      <ApiBuilder start={state} origin={origin} current={current} />
    </>
  ),
});

export const apiBuilderEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/api-builder/policy",
    needs: "read",
    handle: currentPolicy,
  }),
];

async function currentPolicy(call: MemberCall<unknown, unknown, unknown>): Promise<JsonObject> {
  return renderPolicy(await call.transact(readPolicy()));
}
