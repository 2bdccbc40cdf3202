import { z } from "zod";
import { evaluation, textDigest } from "../../lib/allowly/evaluation.ts";
import { canonicalText, definitionOf, readPolicy } from "../../lib/allowly/policy.ts";
import type { JsonObject, JsonValue } from "../../lib/base/json.ts";
import type { CallerOperation } from "../../lib/identity/acting.ts";
import type { Reader } from "../../lib/ledger/transaction.ts";
import {
  archiveBundle,
  existingBundle,
  listBundles,
  loadBundle,
  loadSource,
  publishBundle,
  type ReadBundle,
} from "../../lib/mandates/bundle.ts";
import { invalidRequest, Refusal } from "../../lib/refusal.ts";
import { bundleId } from "../fields/mandate.ts";
import { pageById } from "../fields/paging.ts";
import type { Answer, Call } from "../http/call.ts";
import { listAnswer, listQuery, listSchema, timeOf, translated } from "./surface.ts";

/** Policies: bundles whose author wrote them as clients of Allowly do. */

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hex digits");

const policyRef = z.strictObject({
  policy_id: z.string(),
  policy_version: z.int(),
  definition_sha256: sha256,
});

const json = z.json();

const definitionMembers = {
  profile: json,
  agent_id: json,
  actions: json,
  default_expiry_days: json,
};

const policyBody = z.strictObject({
  ...definitionMembers,
  policy_id: bundleId,
  description: z.string().max(2048, "has at most 2048 characters").nullish(),
  previous_policy_ref: policyRef.nullish(),
});

type PolicyBody = z.output<typeof policyBody>;

const policyAnswer = z.strictObject({
  policy_ref: policyRef,
  definition: z.record(z.string(), json),
  description: z.string().nullable(),
  created_by: z.string(),
  created_at: z.iso.datetime(),
  deleted_at: z.iso.datetime().nullable(),
});

const previewBody = z.strictObject({
  definition: z.record(z.string(), json),
  action: z.string().min(1).max(64),
  context: z.record(z.string(), json),
});

const publishedAnswer = z.strictObject({
  policy_ref: policyRef,
  agent_id: z.string(),
  created_by: z.string(),
  created_at: z.iso.datetime(),
  authorization_migrations: z.array(z.never()).describe(
    "Empty: whoever was granted the edition before keeps it, until somebody grants another",
  ),
  archived_policy_ids: z.array(z.never()),
  revoked_confirmation_count: z.literal(0),
});

const byId = z.object({ id: z.string().min(1).max(128) });

interface WrittenPolicy {
  readonly read: ReadBundle;
  readonly text: string;
}

/** Publishes an edition, and answers with what `render` makes of it. */
function publish(
  call: Call<undefined, undefined, PolicyBody>,
  render: (written: WrittenPolicy) => JsonObject,
): Promise<Answer> {
  const { policy_id, description, previous_policy_ref: previous, ...members } = call.body;
  const { policy, text } = readPolicy(rawMembers(members));
  const source = { sha256: textDigest(text), text };
  const publication = {
    definition: definitionOf(policy),
    description: description === "" ? null : description ?? null,
    source,
  };
  if (previous != null && previous.policy_id !== policy_id) {
    throw invalidRequest("/previous_policy_ref", "is of another policy than this one");
  }
  const expected = previous?.policy_version ?? null;
  const publishing = publishBundle(policy_id, publication, expected, call.id);
  return call.commit({
    ...publishing,
    plan(transaction, caller, old) {
      const known = old?.edition.source_sha256 ?? null;
      if (previous != null && known !== previous.definition_sha256) {
        const edition = old?.bundle.edition ?? 0;
        throw new Refusal("bundle_edition_exists", { id: policy_id, edition });
      }
      return publishing.plan(transaction, caller, old);
    },
  }, (read) => ({ status: 201, body: render({ read, text }) }));
}

/** The members of a policy as they were sent. */
function rawMembers(members: Record<string, unknown>): JsonObject {
  return { ...members } as JsonObject;
}

function renderPolicy({ read: { bundle, edition }, text }: WrittenPolicy): JsonObject {
  return {
    policy_ref: refOf(edition),
    definition: JSON.parse(text) as JsonValue,
    description: edition.description,
    created_by: edition.created_by.id,
    created_at: timeOf(edition.created_at),
    deleted_at: bundle.archived_at === null ? null : timeOf(bundle.archived_at),
  };
}

/** How clients name an edition. */
export function refOf(
  { id, edition, source_sha256 }: Pick<ReadBundle["edition"], "id" | "edition" | "source_sha256">,
) {
  return { policy_id: id, policy_version: edition, definition_sha256: source_sha256 ?? "" };
}

async function loadWritten(reader: Reader, read: ReadBundle): Promise<WrittenPolicy | null> {
  const text = await loadSource(reader, read.edition);
  return text === null ? null : { read, text };
}

function readPolicyOf(id: string): CallerOperation<WrittenPolicy | null, WrittenPolicy> {
  return {
    async load(reader) {
      const read = await loadBundle(reader, id);
      return read === null ? null : await loadWritten(reader, read);
    },
    plan(_transaction, _caller, written) {
      if (written === null) throw new Refusal("not_found", { what: `policy ${id}` });
      return written;
    },
  };
}

export const policyRoutesOfAllowly = [
  translated({
    method: "post",
    path: "/v1/policies",
    summary: "Publish an edition of a policy",
    callers: ["management"],
    body: policyBody,
    answers: { 201: policyAnswer },
    refusals: ["bundle_edition_exists"],
    handle: (call) => publish(call, renderPolicy),
  }),
  translated({
    method: "post",
    path: "/v1/setup/policies/publish",
    summary: "Publish an edition of a policy, and say what that changed",
    callers: ["management"],
    body: policyBody,
    answers: { 201: publishedAnswer },
    refusals: ["bundle_edition_exists"],
    handle(call) {
      if (call.repetition === null) {
        throw invalidRequest("/idempotency-key", "is required as a header");
      }
      return publish(call, ({ read: { edition } }) => ({
        policy_ref: refOf(edition),
        agent_id: edition.definition.agent,
        created_by: edition.created_by.id,
        created_at: timeOf(edition.created_at),
        authorization_migrations: [],
        archived_policy_ids: [],
        revoked_confirmation_count: 0,
      }));
    },
  }),
  translated({
    method: "post",
    path: "/v1/setup/policies/preview",
    summary: "Say what a policy would answer",
    callers: ["management"],
    body: previewBody,
    answers: {
      200: z.strictObject({
        provisional: z.literal(true),
        definition_sha256: sha256,
        action: z.string(),
        policy_eval: z.record(z.string(), json),
      }),
    },
    handle(call) {
      const { definition, action, context } = call.body as {
        definition: JsonObject;
        action: string;
        context: JsonObject;
      };
      const { policy, text } = readPolicy(definition);
      const entry = policy.actions.find((one) => one.policy.action === action);
      if (entry === undefined) throw invalidRequest("/action", "is not named by the definition");
      const bytes = new TextEncoder().encode(canonicalText(context, "/context")).length;
      if (bytes > 4096) throw invalidRequest("/context", "has more than 4096 bytes");
      const policy_eval = evaluation(entry.policy, context);
      if (policy_eval === null) throw invalidRequest("/context", "is larger than can be answered");
      return Promise.resolve({
        status: 200,
        body: { provisional: true, definition_sha256: textDigest(text), action, policy_eval },
      });
    },
  }),
  translated({
    method: "get",
    path: "/v1/policies",
    summary: "List policies by id, each with its newest edition",
    callers: ["management", "standard"],
    query: z.strictObject(listQuery),
    answers: { 200: listSchema(policyAnswer) },
    async handle(call) {
      const { items, next_cursor } = await pageById(async (span) => {
        const all = await call.transact({
          load: async (reader) =>
            await Promise.all(
              (await listBundles(reader, span)).map(async (read) => ({
                id: read.bundle.id,
                written: await loadWritten(reader, read),
              })),
            ),
          plan: (_transaction, _caller, all) => all,
        });
        return all;
      }, call.query);
      // What was written as a bundle is no policy; a page may have fewer for it.
      const written = items.flatMap((one) => one.written ?? []);
      return { status: 200, body: listAnswer(written.map(renderPolicy), next_cursor) };
    },
  }),
  translated({
    method: "get",
    path: "/v1/policies/:id",
    summary: "Read the newest edition of a policy",
    callers: ["management", "standard"],
    params: byId,
    answers: { 200: policyAnswer },
    refusals: ["not_found"],
    handle: async (call) => ({
      status: 200,
      body: renderPolicy(await call.transact(readPolicyOf(call.params.id))),
    }),
  }),
  translated({
    method: "delete",
    path: "/v1/policies/:id",
    summary: "Archive a policy: nothing is granted of it any more",
    callers: ["management"],
    params: byId,
    answers: { 204: null },
    refusals: ["not_found"],
    keyed: true,
    handle(call) {
      const { id } = call.params;
      const archiving = archiveBundle(id, call.id);
      return call.commit({
        ...archiving,
        plan(transaction, caller, old) {
          if (existingBundle(old, id).edition.source_sha256 === undefined) {
            throw new Refusal("not_found", { what: `policy ${id}` });
          }
          return archiving.plan(transaction, caller, old);
        },
      }, () => ({ status: 204, body: null }));
    },
  }),
];
