import { z } from "zod";
import { actionsThat, inlineDefinition } from "../../lib/allowly/inline.ts";
import { type Noted, noted, receiptOf } from "../../lib/allowly/noted.ts";
import { openConfirmations } from "../../lib/allowly/prompts.ts";
import { canonicalText } from "../../lib/allowly/policy.ts";
import type { JsonObject } from "../../lib/base/json.ts";
import { type Granted, type GrantedMandate, grantMandate } from "../../lib/granting/grant.ts";
import { revokeMandate } from "../../lib/granting/revoke.ts";
import type { MachineOperation } from "../../lib/identity/acting.ts";
import { clocksAt } from "../../lib/ledger/clock.ts";
import { entryAbout, readHead } from "../../lib/ledger/log_reader.ts";
import type { Reader } from "../../lib/ledger/transaction.ts";
import { countedIn } from "../../lib/mandates/budget.ts";
import { loadBundle, type ReadBundle } from "../../lib/mandates/bundle.ts";
import { listMandates } from "../../lib/mandates/listing.ts";
import { type CountedMandate, loadCounted } from "../../lib/mandates/mandate.ts";
import { receiptId } from "../../lib/receipts/claims.ts";
import { invalidRequest, type RecordedRefusal, Refusal } from "../../lib/refusal.ts";
import type { Definition, MandateRecord } from "../../lib/store/records/mandate.ts";
import { mandateId, toolName, userId } from "../fields/action.ts";
import { micros } from "../fields/budget.ts";
import { afterMandate, bundleId, MANDATE_STATES, stateOf } from "../fields/mandate.ts";
import { decodeCursor, encodeCursor } from "../fields/paging.ts";
import type { Answer, Call } from "../http/call.ts";
import { refOf } from "./policies.ts";
import {
  listAnswer,
  listQuery,
  listSchema,
  pendingReceipt,
  receiptEnvelope,
  timeOf,
  translated,
} from "./surface.ts";

/** Authorizations: mandates that were granted of a policy. */

const time = z.iso.datetime();

const actionNames = z.array(z.string().min(1).max(64)).min(1, "must name an action").max(32)
  .refine((names) => new Set(names).size === names.length, "names an action twice");

const grantFields = {
  user_id: userId,
  metadata: z.record(z.string(), z.json()).default({}),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  budget_limit_micros: micros.nullish(),
  replaces: mandateId.nullish(),
};

const editionBody = z.strictObject({
  ...grantFields,
  policy_id: bundleId,
  policy_version: z.int().min(1),
  actions: actionNames.nullish(),
});

/** Clients before 0.8 name a policy without an edition. */
const policyBody = z.strictObject({ ...grantFields, policy_id: bundleId });

const listed = z.array(toolName).max(32).default([]);

/** And they grant without a policy. */
const inlineBody = z.strictObject({
  ...grantFields,
  expires_at: z.iso.datetime({ offset: true }),
  agent_id: z.string().max(128, "has at most 128 characters")
    .regex(/^[!-~]+$/, "has printable ASCII characters without spaces"),
  actions: z.array(z.strictObject({
    name: toolName,
    constraints: z.strictObject({}, "must be empty: constraints are not kept to here").nullish(),
  })).min(1).max(32).refine(
    (all) => new Set(all.map(({ name }) => name)).size === all.length,
    "names an action twice",
  ),
  requires_confirm_for: listed,
  requires_escalation_for: listed,
  requires_deny_for: listed,
  escalation_targets: z.record(z.string(), z.string()).default({}),
});

const grantBody = z.union([editionBody, policyBody, inlineBody]);

type GrantBody = z.output<typeof grantBody>;

type EditionBody = z.output<typeof editionBody>;

type EarlierBody = Exclude<GrantBody, EditionBody>;

const policyRef = z.strictObject({
  policy_id: z.string(),
  policy_version: z.int(),
  definition_sha256: z.string(),
});

const grantAnswer = z.strictObject({
  authorization_id: z.string(),
  policy_ref: policyRef,
  actions: z.array(z.string()),
  created_at: time,
  expires_at: time,
  receipt: receiptEnvelope,
  authorization_provenance: z.record(z.string(), z.json()),
  budget_limit_micros: z.int().optional(),
  budget_spent_micros: z.int().optional(),
  replaced_authorization_id: z.string().optional(),
  revocation_receipt: receiptEnvelope.optional(),
});

/** The same as clients before 0.8 read it. */
const earlierAnswer = grantAnswer.omit({ policy_ref: true, actions: true }).extend({
  policy_id: z.string().nullable(),
  requires_confirm_for: z.array(z.string()),
  requires_escalation_for: z.array(z.string()),
  requires_deny_for: z.array(z.string()),
  escalation_targets: z.record(z.string(), z.string()),
});

const revokeBody = z.strictObject({
  revoked_by: z.string().min(1).max(128).nullish(),
  notes: z.string().min(1).max(512).nullish(),
}).nullish();

const revokeAnswer = z.strictObject({
  authorization_id: z.string(),
  revoked_at: time,
  receipt: receiptEnvelope,
  revoked_confirmations: z.array(z.string()),
});

const shownAuthorization = z.strictObject({
  authorization_id: z.string(),
  user_id: z.string(),
  agent_id: z.string(),
  policy_ref: policyRef.nullable().describe("Null for one that was granted otherwise"),
  actions: z.array(z.string()),
  status: z.enum(MANDATE_STATES),
  created_at: time,
  expires_at: time,
});

/** Grants a mandate of these terms. */
function granting(granted: Granted, body: GrantBody, request_id: string) {
  const metadata = body.metadata as JsonObject;
  const bytes = new TextEncoder().encode(canonicalText(metadata, "/metadata"));
  if (bytes.length > 4096) throw invalidRequest("/metadata", "has more than 4096 bytes");
  const limit = body.budget_limit_micros ?? null;
  return noted(grantMandate({
    granted,
    user_id: body.user_id,
    tenant_id: null,
    expires_at: body.expires_at == null ? null : Date.parse(body.expires_at),
    replaces: body.replaces ?? null,
    metadata,
    budget: limit === null
      ? null
      : { limit_micros: limit, period: "total", ask_above_micros: null, min_estimate_micros: 0 },
    uses: null,
  }, request_id));
}

function grant(call: Call<undefined, undefined, GrantBody>): Promise<Answer> {
  const { body } = call;
  return "policy_version" in body ? grantEdition(call, body) : grantEarlier(call, body);
}

/** Of an edition that its author wrote as a policy. */
function grantEdition(
  call: Call<undefined, undefined, GrantBody>,
  body: EditionBody,
): Promise<Answer> {
  const { policy_id, policy_version, actions } = body;
  const granted = { bundle: policy_id, edition: policy_version, scopes: actions ?? null };
  const made = granting(granted, body, call.id);
  type Loaded = { readonly read: ReadBundle | null; readonly loaded: unknown };
  type Made = { readonly noted: Noted<GrantedMandate>; readonly read: ReadBundle };
  const operation: MachineOperation<Loaded, Made | RecordedRefusal> = {
    async load(reader, caller) {
      const [read, loaded] = await Promise.all([
        loadBundle(reader, policy_id, policy_version),
        made.load?.(reader, caller),
      ]);
      return { read, loaded };
    },
    plan(transaction, caller, { read, loaded }) {
      if (read === null || read.edition.source_sha256 === undefined) {
        throw new Refusal("not_found", { what: `policy ${policy_id}, version ${policy_version}` });
      }
      const granted = made.plan(transaction, caller, loaded as Parameters<typeof made.plan>[2]);
      return "result" in granted ? { noted: granted, read } : granted;
    },
  };
  return call.commit(operation, ({ noted, read }) => ({
    status: 201,
    body: {
      ...renderGranted(call, noted),
      policy_ref: refOf(read.edition),
      actions: [...noted.result.record.scopes],
    },
  }));
}

/**
 * As clients before 0.8 grant: what they name stands in the mandate itself, be it of a policy, so that
 * its receipts are known to be for them.
 */
async function grantEarlier(
  call: Call<undefined, undefined, GrantBody>,
  body: EarlierBody,
): Promise<Answer> {
  const policy_id = "policy_id" in body ? body.policy_id : null;
  const definition = "policy_id" in body
    ? await call.transact(newestDefinition(body.policy_id))
    : inlineDefinition({ ...body, actions: body.actions.map(({ name }) => name) });
  const { scopes } = definition;
  const targets = "policy_id" in body ? {} : body.escalation_targets;
  return await call.commit(granting({ definition }, body, call.id), (noted) => ({
    status: 201,
    body: {
      ...renderGranted(call, noted),
      policy_id,
      requires_confirm_for: actionsThat("confirm", scopes),
      requires_escalation_for: actionsThat("escalate", scopes),
      requires_deny_for: actionsThat("deny", scopes),
      escalation_targets: targets,
    },
  }));
}

function newestDefinition(
  policy_id: string,
): MachineOperation<ReadBundle | null, Definition> {
  return {
    load: (reader) => loadBundle(reader, policy_id),
    plan(_transaction, _caller, read) {
      const isThere = read !== null && read.bundle.archived_at === null &&
        read.edition.source_sha256 !== undefined;
      if (!isThere) throw new Refusal("not_found", { what: `policy ${policy_id}` });
      return read.edition.definition;
    },
  };
}

/** What every client is told of what was granted. */
function renderGranted(
  { services }: Pick<Call<unknown, unknown, unknown>, "services">,
  { result: { record, budget }, entries }: Noted<GrantedMandate>,
): JsonObject {
  const superseded = receiptOf(entries, "mandate.superseded");
  return {
    authorization_id: record.id,
    created_at: timeOf(record.created_at),
    expires_at: timeOf(record.expires_at),
    receipt: pendingReceipt(services, receiptOf(entries, "mandate.granted") ?? ""),
    authorization_provenance: { granted_by: record.granted_by.id },
    ...(record.budget === null || budget === null ? {} : {
      budget_limit_micros: record.budget.limit_micros,
      budget_spent_micros: countedIn(budget),
    }),
    ...(record.replaces === null ? {} : { replaced_authorization_id: record.replaces }),
    ...(superseded === null ? {} : { revocation_receipt: pendingReceipt(services, superseded) }),
  };
}

/** The receipt of how a mandate ended; null while it has not. */
async function endReceipt(
  { kv, snapshot: { orgId } }: Reader,
  { id, ended }: MandateRecord,
): Promise<string | null> {
  if (ended === null) return null;
  const { size } = await readHead(kv, orgId);
  const found = await entryAbout(kv, orgId, size, {
    id,
    time: ended.at,
    is: ({ type, subject }) =>
      subject.mandate === id && (type === "mandate.revoked" || type === "mandate.superseded"),
  });
  return found === null ? null : receiptId(found.entry);
}

type RevokeCall = Call<{ id: string }, undefined, z.output<typeof revokeBody>>;

function revoke(call: RevokeCall): Promise<Answer> {
  const { id } = call.params;
  const { revoked_by, notes } = call.body ?? {};
  const by = revoked_by ?? call.caller.id;
  const revoking = noted(revokeMandate(id, { by, note: notes ?? null }, call.id));
  interface Loaded {
    readonly loaded: Awaited<ReturnType<typeof loadCounted>>;
    readonly confirmations: readonly string[];
    readonly earlier: string | null;
  }
  interface Revoked {
    readonly noted: Noted<CountedMandate>;
    readonly loaded: Loaded;
  }
  const operation: MachineOperation<Loaded, Revoked | RecordedRefusal> = {
    async load(reader) {
      const loaded = await loadCounted(reader, id);
      const record = loaded?.record ?? null;
      if (record === null) return { loaded, confirmations: [], earlier: null };
      return record.ended === null
        ? { loaded, confirmations: await openConfirmations(reader, id), earlier: null }
        : { loaded, confirmations: [], earlier: await endReceipt(reader, record) };
    },
    plan(transaction, caller, loaded) {
      const revoked = revoking.plan(transaction, caller, loaded.loaded);
      return "result" in revoked ? { noted: revoked, loaded } : revoked;
    },
  };
  return call.commit(operation, ({ noted: { result, entries }, loaded }) => {
    const receipt = receiptOf(entries, "mandate.revoked") ?? loaded.earlier ?? "";
    return {
      status: 200,
      body: {
        authorization_id: id,
        revoked_at: timeOf(result.record.ended?.at ?? 0),
        receipt: pendingReceipt(call.services, receipt),
        revoked_confirmations: [...loaded.confirmations],
      },
    };
  });
}

export const authorizationRoutes = [
  translated({
    method: "post",
    path: "/v1/authorizations",
    summary: "Grant an authorization of one edition of a policy",
    callers: ["management", "standard"],
    body: grantBody,
    answers: { 201: z.union([grantAnswer, earlierAnswer]) },
    refusals: ["not_found", "tenant_not_permitted", "mandate_not_found", "mandate_ended"],
    handle: grant,
  }),
  translated({
    method: "get",
    path: "/v1/authorizations",
    summary: "List authorizations, the newest first",
    callers: ["management", "standard"],
    query: z.strictObject(listQuery),
    answers: { 200: listSchema(shownAuthorization) },
    async handle(call) {
      const { limit, cursor } = call.query;
      const after = cursor === undefined ? null : decodeCursor(cursor, afterMandate)[0];
      const any = { user_id: null, agent: null, state: null };
      const { items, next } = await call.transact({
        async load(reader, caller) {
          const page = await listMandates(reader, caller, any, { limit, after });
          const items = await Promise.all(page.items.map(async (counted) => {
            const { bundle } = counted.record;
            const read = bundle === null
              ? null
              : await loadBundle(reader, bundle.id, bundle.edition);
            return { counted, read };
          }));
          return { items, next: page.next };
        },
        plan: (_transaction, _caller, page) => page,
      });
      const clocks = clocksAt(call.services.deps.now());
      const shown = items.map(({ counted, read }) => {
        const { record } = counted;
        return {
          authorization_id: record.id,
          user_id: record.user_id,
          agent_id: record.agent,
          policy_ref: read?.edition.source_sha256 === undefined ? null : refOf(read.edition),
          actions: [...record.scopes],
          status: stateOf(counted, clocks),
          created_at: timeOf(record.created_at),
          expires_at: timeOf(record.expires_at),
        };
      });
      return { status: 200, body: listAnswer(shown, next === null ? null : encodeCursor([next])) };
    },
  }),
  translated({
    method: "delete",
    path: "/v1/authorizations/:id",
    summary: "Revoke an authorization",
    callers: ["management", "standard"],
    params: z.object({ id: z.string().min(1).max(128) }),
    body: revokeBody,
    answers: { 200: revokeAnswer },
    refusals: ["mandate_not_found"],
    keyed: true,
    handle: revoke,
  }),
];
