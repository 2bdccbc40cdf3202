import type { Entry } from "../../lib/ledger/entry.ts";
import { withQuery } from "../page_query.ts";
import { tenantPath } from "./registry/tenants.tsx";
import { rulePath } from "./rule_links.ts";
import { toolPath } from "./tool_path.ts";

/** The address of an entry's page. */
export function entryPath(index: number): string {
  return `/activity/${index}`;
}

/** Something that an entry is about, and where it is shown. */
export interface Related {
  readonly term: string;
  readonly text: string;
  readonly href: string;
}

/** What an entry is about and has a page of its own; what is gone meanwhile leads to an error. */
export function relatedLinks({ actor, subject }: Entry): Related[] {
  const places: readonly [string, unknown, (text: string) => string][] = [
    ["Request", subject.approval, (text) => `/approvals/${text}`],
    ["Tool", subject.tool, toolPath],
    ["Tenant", subject.tenant, tenantPath],
    ["Rule", subject.rule, rulePath],
    ["More by the same", actor.id, (text) => withQuery("/activity", { actor: text })],
  ];
  return places.flatMap(([term, text, path]) =>
    typeof text === "string" && text !== "" ? [{ term, text, href: path(text) }] : []
  );
}
