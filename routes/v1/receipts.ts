import { z } from "zod";
import { isId } from "../../lib/base/id.ts";
import { receiptOf } from "../../lib/evidence/receipts.ts";
import { issueReceipt } from "../../lib/receipts/issue.ts";
import { WIRES } from "../../lib/receipts/jws.ts";
import { publishedReceiptKeys, rotateReceiptKey } from "../../lib/receipts/receipt_keys.ts";
import { invalidRequest } from "../../lib/refusal.ts";
import { RECEIPT_VERSION } from "../../lib/verify/verify_receipt.ts";
import { hashes, leafHash, logEntry, publishedKey, renderReceipt } from "../fields/log.ts";
import { guarded, open, type Route } from "../http/route.ts";

const receiptParams = z.strictObject({
  id: z.string().min(1).max(64).describe("A `dec_`, `apr_`, `exe_` or `rcp_` id"),
});

const receiptQuery = z.strictObject({
  format: z.enum(WIRES).optional().describe(
    "Of an `rcp_` id: in which form it is signed, `allowly-5` unless it says so",
  ),
});

const provenEntry = z.object({
  v: z.literal(RECEIPT_VERSION).describe("A verifier takes no version that is newer than itself"),
  entry: logEntry,
  leaf_hash: leafHash,
  index: z.number().int().nonnegative(),
  size: z.number().int().positive().describe("Entries that the checkpoint covers"),
  inclusion: hashes.describe("RFC 9162 section 2.1.3.1"),
  checkpoint: z.string().describe("C2SP signed note"),
  key: publishedKey,
});

const base64Url = z.string().regex(/^[A-Za-z0-9_-]+$/);

const signed = z.object({
  status: z.literal("signed"),
  receipt: z.union([
    z.object({ protected: base64Url, payload: base64Url, signature: base64Url })
      .describe("`allowly-5`: the parts of a JWS"),
    z.looseObject({ schema_version: z.literal("4"), key_id: z.string(), signature: base64Url })
      .describe("`allowly-4`"),
  ]),
});

const keyParams = z.strictObject({ org_id: z.string().max(64) });

const time = z.iso.datetime();

const receiptKeysAnswer = z.object({
  workspace_id: z.string(),
  keys: z.array(z.object({
    key_id: z.string().describe("RFC 7638 thumbprint"),
    alg: z.literal("Ed25519"),
    public_key: z.string(),
    active_from: time,
    active_until: time.nullable().describe("Not included; null while it is the newest"),
    public_key_fingerprint: z.string().describe("`sha256:` and the hex SHA-256 of the 32 bytes"),
    entry: z.object({ index: z.int(), leaf_hash: leafHash })
      .describe("What made it, in the organization's log: pin it by that"),
  })),
  engine: z.object({ name: z.string(), rules: z.string() })
    .describe("What the `engine_version` of receipts is the SHA-256 of"),
});

const rotated = z.object({
  key_id: z.string(),
  retired_key_id: z.string().nullable(),
  audit: z.object({ index: z.int(), leaf_hash: leafHash }),
});

const group = "Audit log";

export const receiptRoutes: readonly Route[] = [
  guarded({
    method: "get",
    path: "/v1/receipts/:id",
    group,
    summary: "Get what proves one decision or execution to a stranger",
    description:
      "Of a decision, an approval or an execution: its entry, with all that proves it in the log. " +
      "Of an `rcp_` id, which is the body of any entry's id: a signed receipt, the same bytes every " +
      "time. Save the answer and verify it offline with `deno task verify --receipt FILE --keys FILE`.",
    callers: ["standard", "management", "approver", "agent"],
    params: receiptParams,
    query: receiptQuery,
    answers: { 200: z.union([provenEntry, signed]) },
    refusals: ["not_found", "erased"],
    async handle(call) {
      const { params: { id }, query: { format } } = call;
      const { caller, origin } = await call.transact({
        plan: ({ snapshot }, caller) => ({ caller, origin: snapshot.org.log_origin }),
      });
      if (isId(id, "rcp")) {
        const wire = format ?? "allowly-5";
        const { receipt } = await issueReceipt(call.services, caller, origin, id, wire);
        return { status: 200, body: { status: "signed", receipt: { ...receipt } } };
      }
      if (format !== undefined) {
        throw invalidRequest("/format", "is for the id of a receipt, which begins with rcp_");
      }
      const receipt = await receiptOf(call.services.deps, caller, origin, id);
      return { status: 200, body: renderReceipt(receipt) };
    },
  }),
  guarded({
    method: "post",
    path: "/v1/receipts/rotate-key",
    group,
    summary: "Give receipts a new signing key",
    description:
      "Signs what happens from now on. What happened before stays signed by the key of its time, " +
      "and an entry of the log says from when on the new one counts.",
    callers: ["management"],
    answers: { 201: rotated },
    handle: (call) =>
      call.commit(
        rotateReceiptKey(call.services.deps, call.client),
        ({ kid, retired_kid, audit }) => ({
          status: 201,
          body: { key_id: kid, retired_key_id: retired_kid, audit: { ...audit } },
        }),
      ),
  }),
  open({
    method: "get",
    path: "/.well-known/countersign/receipt-keys/:org_id",
    group,
    summary: "List the public keys of an organization's receipts",
    description:
      "Each with the time in which it counts. They are not the keys of the log: each was made by an " +
      "entry of it, so whoever has the log can pin them by that.",
    params: keyParams,
    answers: { 200: receiptKeysAnswer },
    refusals: ["not_found"],
    async handle({ services, params }) {
      const { org_id } = keyParams.parse(params);
      return {
        status: 200,
        body: await publishedReceiptKeys(services.deps, org_id),
        headers: { "cache-control": "public, max-age=300", "access-control-allow-origin": "*" },
      };
    },
  }),
];
