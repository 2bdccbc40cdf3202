import { z } from "zod";
import { receiptForClient } from "../../lib/allowly/receipts.ts";
import { settleReceipt } from "../../lib/allowly/settle.ts";
import { isId } from "../../lib/base/id.ts";
import { readActivity } from "../../lib/ledger/log_reader.ts";
import { loadCounted, mayKnow } from "../../lib/mandates/mandate.ts";
import { mayHaveReceipt, receiptId } from "../../lib/receipts/claims.ts";
import { publishedReceiptKeys } from "../../lib/receipts/receipt_keys.ts";
import { Refusal } from "../../lib/refusal.ts";
import { orgKey } from "../../lib/store/keys.ts";
import { readRecord } from "../../lib/store/kv.ts";
import { orgRecord } from "../../lib/store/records/policy.ts";
import { mandateId } from "../fields/action.ts";
import { micros } from "../fields/budget.ts";
import { decodeCursor, encodeCursor } from "../fields/paging.ts";
import { ALLOWLY } from "../http/error_member.ts";
import { open, type Route } from "../http/route.ts";
import { healthRoutes } from "../v1/health.ts";
import {
  assertAnswered,
  listAnswer,
  listQuery,
  listSchema,
  pendingReceipt,
  receiptEnvelope,
  translated,
} from "./surface.ts";

/** Receipts, what was settled by them, and the keys that they are signed by. */

const afterIndex = z.tuple([z.int().nonnegative()]);

const keyParams = z.strictObject({ id: z.string().max(64) });

const readiness = healthRoutes.find(({ path }) => path === "/readyz");

const keysAnswer = z.strictObject({
  workspace_id: z.string(),
  keys: z.array(z.strictObject({
    key_id: z.string(),
    alg: z.literal("Ed25519"),
    public_key: z.string(),
    active_from: z.iso.datetime(),
    active_until: z.iso.datetime().nullable(),
    public_key_fingerprint: z.string(),
  })),
});

const settledAnswer = z.strictObject({
  check_receipt_id: z.string(),
  authorization_id: z.string(),
  estimated_cost_micros: z.int(),
  actual_cost_micros: z.int(),
  delta_micros: z.int(),
  spent_before_micros: z.int(),
  spent_after_micros: z.int(),
  receipt: receiptEnvelope,
});

export const receiptRoutesOfAllowly: readonly Route[] = [
  ...(readiness === undefined ? [] : [{ ...readiness, path: `${ALLOWLY}/readyz` }]),
  translated({
    method: "get",
    path: "/v1/receipts",
    summary: "List the receipts of an authorization, the oldest first",
    callers: ["management", "standard"],
    query: z.strictObject({ ...listQuery, authorization_id: mandateId }),
    answers: { 200: listSchema(receiptEnvelope) },
    async handle(call) {
      const { authorization_id, limit, cursor } = call.query;
      const record = await call.transact({
        load: (reader) => loadCounted(reader, authorization_id),
        plan(_transaction, caller, loaded) {
          if (loaded !== null && mayKnow(caller, loaded.record)) return loaded.record;
          throw new Refusal("mandate_not_found", { mandate_id: authorization_id });
        },
      });
      const position = cursor === undefined ? null : decodeCursor(cursor, afterIndex)[0];
      const { entries, next } = await readActivity(call.services.deps.kv, call.org, {
        facets: [{ facet: "mandate", value: authorization_id }],
        order: "asc",
        since: position === null ? record.created_at : null,
        until: null,
        limit,
        position,
      });
      const items = entries.filter(({ entry }) => mayHaveReceipt(entry))
        .map(({ entry }) => pendingReceipt(call.services, receiptId(entry)));
      return {
        status: 200,
        body: listAnswer(items, next === null ? null : encodeCursor([next])),
      };
    },
  }),
  translated({
    method: "get",
    path: "/v1/receipts/:id",
    summary: "Get a signed receipt",
    callers: ["management", "standard", "approver"],
    params: z.object({ id: z.string().min(1).max(128) }),
    answers: { 200: receiptEnvelope },
    refusals: ["not_found", "erased"],
    async handle(call) {
      const { caller, origin } = await call.transact({
        plan: ({ snapshot }, caller) => ({ caller, origin: snapshot.org.log_origin }),
      });
      const { id } = call.params;
      const receipt = await receiptForClient(call.services, caller, origin, id);
      return { status: 200, body: { status: "signed", receipt: { ...receipt } } };
    },
  }),
  translated({
    method: "post",
    path: "/v1/budget-settlements",
    summary: "Say what an allowed action cost",
    callers: ["standard"],
    body: z.strictObject({
      check_receipt_id: z.string().refine((text) => isId(text, "rcp"), "must be a receipt's id"),
      actual_cost_micros: micros,
    }),
    answers: { 200: settledAnswer },
    refusals: ["reservation_not_found", "already_settled"],
    handle(call) {
      const { check_receipt_id, actual_cost_micros } = call.body;
      const settling = settleReceipt(check_receipt_id, actual_cost_micros, call.client);
      return call.commit(settling, (settled) => ({
        status: 200,
        body: {
          check_receipt_id,
          authorization_id: settled.mandate_id,
          estimated_cost_micros: settled.estimated_micros,
          actual_cost_micros: settled.actual_micros,
          delta_micros: settled.actual_micros - settled.estimated_micros,
          spent_before_micros: settled.spent_before,
          spent_after_micros: settled.spent_after,
          receipt: pendingReceipt(call.services, settled.receipt_id),
        },
      }));
    },
  }),
  open({
    method: "get",
    path: `${ALLOWLY}/v1/workspaces/:id/keys`,
    group: "Allowly",
    summary: "List the public keys of an organization's receipts",
    params: keyParams,
    answers: { 200: keysAnswer },
    refusals: ["not_found"],
    async handle({ services, params }) {
      const { id } = keyParams.parse(params);
      const { workspace_id, keys } = await publishedReceiptKeys(services.deps, id);
      const org = await readRecord(services.deps.kv, orgKey(id), orgRecord);
      assertAnswered(org?.value.allowly ?? false);
      const shown = keys.map(({ entry: _entry, ...key }) => key);
      return { status: 200, body: { workspace_id, keys: shown } };
    },
  }),
];
