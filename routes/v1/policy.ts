import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { applyPolicy, readPolicy } from "../../lib/catalog/apply_policy.ts";
import type { RowChange } from "../../lib/catalog/policy_document.ts";
import type { PolicyDocument, PolicyEdit } from "../../lib/catalog/policy_edit.ts";
import type { AppliedPolicy } from "../../lib/catalog/policy_plan.ts";
import { changedFields } from "../../lib/catalog/record_change.ts";
import { givenParts } from "../../lib/catalog/selectors.ts";
import { Refusal } from "../../lib/refusal.ts";
import { renderWarnings, ruleOf, selectorOf } from "../fields/catalog.ts";
import {
  appliedAnswer,
  documentBody,
  patchBody,
  policyAnswer,
  renderPolicy,
} from "../fields/policy.ts";
import type { Answer, Call } from "../http/call.ts";
import { POLICY_BODY } from "../http/inputs.ts";
import { guarded, type Route } from "../http/route.ts";

const group = "Configuration";

const KINDS = ["tools", "categories", "tenants", "resources", "rules"] as const;

function renderApplied({ rows, warnings, dry_run, policy_version }: AppliedPolicy): JsonObject {
  const named = (outcome: Outcome) =>
    Object.fromEntries(KINDS.map((kind) => [
      kind,
      rows.filter((row) => row.kind === kind && outcomeOf(row) === outcome)
        .map((row) => renderRow(row, outcome)),
    ]));
  return {
    dry_run,
    policy_version,
    added: named("added"),
    changed: named("changed"),
    removed: named("removed"),
    warnings: renderWarnings(warnings),
  };
}

type Outcome = "added" | "changed" | "removed";

function outcomeOf({ change }: RowChange): Outcome {
  if (change.old === null) return "added";
  return change.next === null || change.verb === "archived" ? "removed" : "changed";
}

function renderRow({ label, change }: RowChange, outcome: Outcome): JsonObject {
  const shown = Object.fromEntries(
    Object.entries(label).map(([name, value]) => [
      name,
      typeof value === "string" ? value : givenParts(value),
    ]),
  );
  return outcome === "changed" ? { ...shown, fields: changedFields(change) } : shown;
}

type RowsBody = NonNullable<z.output<typeof patchBody>["put"]>;

function documentOf({ rules, ...kinds }: RowsBody): PolicyDocument {
  return { ...kinds, ...(rules === undefined ? {} : { rules: rules.map(ruleOf) }) };
}

function patchOf({ put = {}, remove = {} }: z.output<typeof patchBody>): PolicyEdit {
  const { rules, ...kinds } = remove;
  const named = rules?.map((rule) => typeof rule === "string" ? rule : selectorOf(rule));
  return {
    of: "part",
    document: documentOf(put),
    remove: { ...kinds, ...(named === undefined ? {} : { rules: named }) },
  };
}

/** Applies an edit for whoever calls, or says what it would do. */
async function applied<B>(
  call: Call<undefined, z.output<typeof applyQuery>, B>,
  edit: PolicyEdit,
): Promise<Answer> {
  const version = versionIn(call.request.headers);
  const options = { dry_run: call.query.dry_run === "true", request_id: call.id };
  const made = await applyPolicy(
    (operation) => call.transact(operation),
    edit,
    version,
    options,
  );
  return {
    status: 200,
    body: renderApplied(made),
    headers: { etag: `"${made.policy_version}"` },
  };
}

const applyQuery = z.strictObject({ dry_run: z.enum(["true", "false"]).default("true") });

/** What both ways of changing a policy have in common. */
const APPLYING = {
  path: "/v1/policy",
  group,
  callers: ["management"],
  query: applyQuery,
  bodyLimit: POLICY_BODY,
  answers: { 200: appliedAnswer },
  refusals: [
    "precondition_required",
    "precondition_failed",
    "invalid_selector",
    "definition_changed",
    "owner_required",
  ],
} as const;

/**
 * The version that a request was made from; null when what it names is no version of ours.
 * @throws {Refusal} precondition_required
 */
function versionIn(headers: Headers): number | null {
  const text = headers.get("if-match")?.trim();
  // "Whatever is there" would overwrite what somebody else just changed.
  if (text === undefined || text === "" || text === "*") {
    throw new Refusal("precondition_required", {});
  }
  const version = /^"?([0-9]{1,15})"?$/.exec(text)?.[1];
  return version === undefined ? null : Number(version);
}

export const policyRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/policy",
    group,
    summary: "Read the whole policy as one document",
    description: "In the form that `PUT /v1/policy` takes; `ETag` is its version.",
    callers: ["management", "standard"],
    answers: { 200: policyAnswer },
    refusals: ["tenant_not_permitted"],
    handle: async (call) => {
      const policy = await call.transact(readPolicy());
      return {
        status: 200,
        body: renderPolicy(policy),
        headers: { etag: `"${policy.policy_version}"` },
      };
    },
  }),
  guarded({
    ...APPLYING,
    method: "put",
    summary: "Replace the whole policy, or see what that would change",
    description: "A dry run unless `dry_run=false`. `If-Match` has the version that the document " +
      "was made from. A body may have 16 MiB, and any number of rows: they are applied in one " +
      "version, all at once or not at all. What a list does not name goes: tools are archived, " +
      "drafts stay as they are, everything else is removed. A list that is left out stays as it is.",
    body: documentBody,
    handle: (call) => {
      const { policy_version: _, ...rows } = call.body;
      return applied(call, { of: "whole", document: documentOf(rows) });
    },
  }),
  guarded({
    ...APPLYING,
    method: "patch",
    summary: "Change rows of the policy, or see what that would change",
    description:
      "A dry run unless `dry_run=false`, with `If-Match` and limits as for `PUT`. What " +
      "`put` names becomes what it says, each row whole; what `remove` names goes, a tool is " +
      "archived, a tenant takes its rules along; everything else stays. All of it in one version.",
    body: patchBody,
    handle: (call) => applied(call, patchOf(call.body)),
  }),
];
