import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import { Refusal } from "../../lib/refusal.ts";
import { VAULT_KINDS, type VaultRecord } from "../../lib/store/records/vault.ts";
import {
  createCredential,
  deleteCredential,
  MOST_ORIGINS,
  MOST_OVERLAP_SECONDS,
  rotateCredential,
  seeCredential,
  seeCredentials,
} from "../../lib/vault/credentials.ts";
import { ruled } from "../fields/action.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import type { Answer } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

/** Credentials that calls to upstreams carry. A secret stands in no answer. */

const group = "Gateway";

const PATH = "/v1/credentials/:id";

const byId = z.object({ id: z.string() });

const secret = z.string().min(1).max(8192).describe(
  "Written only, and in no answer. Of `basic` user:password; of `header` and `query` the whole value",
);

const newCredential = z.strictObject({
  name: ruled(
    z.string().min(1, "must not be empty").max(100, "has at most 100 characters"),
    externalIdProblem,
  ).describe("What people call it"),
  kind: z.enum(VAULT_KINDS).describe(
    "How it is sent: `bearer` and `basic` as `Authorization`, `header` in a header, `query` in a " +
      "parameter of the address",
  ),
  origins: z.array(z.string().max(300)).min(1, "names no origin").max(MOST_ORIGINS)
    .refine((all) => new Set(all).size === all.length, "names an origin twice")
    .describe(
      "Where it may go, as https://host or https://host:port; http for hosts that the operator named",
    ),
  owner: z.string().max(64).default("org").describe(
    "`org`: calls of everybody carry it. That of a member is made by that member, in the dashboard",
  ),
  secret,
  header: z.string().regex(/^[a-z0-9-]{1,64}$/, "must be the name of a header in lower case")
    .exactOptional().describe("header: in which one"),
  parameter: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be letters, digits and _ . -")
    .exactOptional().describe("query: in which one"),
}).superRefine(({ kind, header, parameter }, context) => {
  const asked = { header, parameter } as const;
  for (const [name, value] of Object.entries(asked)) {
    const isNeeded = kind === (name === "header" ? "header" : "query");
    if (isNeeded === (value !== undefined)) continue;
    const message = isNeeded ? `is needed with kind ${kind}` : `is no part of kind ${kind}`;
    context.addIssue({ code: "custom", path: [name], message });
  }
});

const rotation = z.strictObject({
  secret,
  overlap_seconds: z.int().min(0).max(MOST_OVERLAP_SECONDS).default(0).describe(
    "How long the secret before is tried where the upstream answers 401 to the new one",
  ),
});

const credential = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(VAULT_KINDS),
  origins: z.array(z.string()),
  owner: z.string(),
  header: z.string().optional(),
  parameter: z.string().optional(),
  state: z.enum(["ready"]),
  last_used_at: z.iso.datetime().nullable().describe("To the minute"),
  rotated_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
});

function render(record: VaultRecord, used: ReadonlyMap<string, number>): JsonObject {
  const { id, name, kind, field, origins, owner, rotated_at, created_at } = record;
  const last = used.get(id) ?? null;
  return {
    id,
    name,
    kind,
    origins: [...origins],
    owner,
    ...(field === null ? {} : kind === "header" ? { header: field } : { parameter: field }),
    state: "ready",
    last_used_at: last === null ? null : timeText(last),
    rotated_at: rotated_at === null ? null : timeText(rotated_at),
    created_at: timeText(created_at),
  };
}

const NEVER_USED: ReadonlyMap<string, number> = new Map();

export const credentialRoutes: readonly Route[] = [
  guarded({
    method: "post",
    path: "/v1/credentials",
    group,
    summary: "Put a credential for upstreams into the vault",
    description:
      "It goes to the origins that are named here and nowhere else, for upstreams that " +
      "name it; it is in no answer, and cut out of what upstreams say. At most 100 an organization.",
    callers: ["management"],
    body: newCredential,
    answers: { 201: credential },
    refusals: ["too_many_credentials", "owner_required"],
    handle: (call) => {
      const { header, parameter, owner, ...rest } = call.body;
      if (owner !== "org") {
        const what = "Putting in a credential of a member, in the dashboard,";
        throw new Refusal("owner_required", { what });
      }
      const { private_hosts } = call.services.settings;
      const asked = { ...rest, field: header ?? parameter ?? null };
      return call.commit(
        createCredential(asked, private_hosts, call.id),
        (record): Answer => ({ status: 201, body: render(record, NEVER_USED) }),
      );
    },
  }),
  guarded({
    method: "get",
    path: "/v1/credentials",
    group,
    summary: "List the credentials for upstreams",
    callers: ["management"],
    query: z.strictObject(pageQuery),
    answers: { 200: pageAnswer(credential) },
    handle: async (call) => {
      const records = await call.transact(seeCredentials());
      const { items, next_cursor } = pageByName(records, ({ id }) => id, call.query);
      const used = await call.services.lastUsed.of(call.org, items.map(({ id }) => id));
      return { status: 200, body: { data: items.map((one) => render(one, used)), next_cursor } };
    },
  }),
  guarded({
    method: "get",
    path: PATH,
    group,
    summary: "Read a credential, without its secret",
    callers: ["management"],
    params: byId,
    answers: { 200: credential },
    refusals: ["not_found"],
    handle: async (call) => {
      const record = await call.transact(seeCredential(call.params.id));
      const used = await call.services.lastUsed.of(call.org, [record.id]);
      return { status: 200, body: render(record, used) };
    },
  }),
  guarded({
    method: "delete",
    path: PATH,
    group,
    summary: "Remove a credential",
    description: "It goes nowhere any more. Calls to an upstream that names it are refused until " +
      "the upstream names another, or none.",
    callers: ["management"],
    params: byId,
    answers: { 200: credential.extend({ removed: z.literal(true) }) },
    refusals: ["not_found"],
    handle: (call) =>
      call.commit(
        deleteCredential(call.params.id, call.id),
        (record): Answer => ({
          status: 200,
          body: { ...render(record, NEVER_USED), removed: true },
        }),
      ),
  }),
  guarded({
    method: "post",
    path: `${PATH}/rotate`,
    group,
    summary: "Rotate a credential",
    description: "The new secret is what upstreams are shown from now on. The one before is kept " +
      "for `overlap_seconds` and tried where the new one is answered 401.",
    callers: ["management"],
    params: byId,
    body: rotation,
    answers: { 200: credential },
    refusals: ["not_found"],
    handle: async (call) => {
      const used = await call.services.lastUsed.of(call.org, [call.params.id]);
      return call.commit(
        rotateCredential(call.params.id, call.body, call.id),
        (record): Answer => ({ status: 200, body: render(record, used) }),
      );
    },
  }),
];
