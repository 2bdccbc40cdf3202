import type { MatrixLinks } from "../../components/rule_matrix.tsx";
import type { Selector } from "../../lib/store/records/policy.ts";
import { withQuery } from "../page_query.ts";

/** The page of rules, for a tool and a tenant where they are named. */
export function rulesPath(tool: string | null, tenant: string | null): string {
  return withQuery("/rules", { tool_name: tool, tenant_id: tenant });
}

/** Where a rule is changed: within the page of its tool and tenant. */
export function rulePath(id: string): string {
  return `/rules/${encodeURIComponent(id)}`;
}

/** The same page, looking at what a rule is about. */
export function rulesPathOf({ tool_name, tenant_id }: Selector): string {
  return rulesPath(tool_name, tenant_id);
}

/** The links of a tool's rules side by side; they keep to the tool and the tenant. */
export function matrixLinks(
  tool: string,
  tenant: string | null,
  mayConfigure: boolean,
): MatrixLinks {
  const here = { tool_name: tool, tenant_id: tenant };
  return {
    rule: (id) =>
      mayConfigure ? `${withQuery("/rules", { ...here, rule: id })}#edit` : rulePath(id),
    make: mayConfigure
      ? (level, half) => `${withQuery("/rules", { ...here, level, half })}#make`
      : null,
    all: (half) => `${withQuery("/rules", half === "tenant" ? here : { tool_name: tool })}#all`,
  };
}
