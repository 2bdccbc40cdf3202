import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { externalIdProblem } from "../../lib/base/text.ts";
import { Refusal } from "../../lib/refusal.ts";
import { VAULT_KINDS, type VaultRecord } from "../../lib/store/records/vault.ts";
import {
  createCredential,
  deleteCredential,
  grantsOf,
  MOST_ORIGINS,
  MOST_OVERLAP_SECONDS,
  rotateCredential,
  seeCredential,
  seeCredentials,
  type SeenGrant,
} from "../../lib/vault/credentials.ts";
import { connectUrl } from "../../lib/vault/grant.ts";
import { ruled } from "../fields/action.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import type { Answer, Call } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

/** Credentials that calls to upstreams carry. A secret stands in no answer. */

const group = "Gateway";

const PATH = "/v1/credentials/:id";

const byId = z.object({ id: z.string() });

const secret = z.string().min(1).max(8192).describe(
  "Written only, and in no answer. Of `basic` user:password; of `header` and `query` the whole value",
);

const token = z.string().regex(/^[\x20-\x7e]+$/, "must be printable ASCII").max(8192);

const oauth = z.strictObject({
  issuer: z.string().max(2048).describe("Of the provider, as its metadata name it"),
  client_id: z.string().min(1).max(2048).exactOptional()
    .describe("As this deployment is registered there; absent to have it register itself"),
  client_secret: token.exactOptional().describe("Written only"),
  refresh_token: token.exactOptional()
    .describe("Written only; absent to have a member connect it"),
  scope: z.string().min(1).max(1000).exactOptional(),
  resource: z.string().max(2048).exactOptional()
    .describe(
      "What tokens are for (RFC 8707); absent to take what the server names, or its origin",
    ),
});

const newCredential = z.strictObject({
  name: ruled(
    z.string().min(1, "must not be empty").max(100, "has at most 100 characters"),
    externalIdProblem,
  ).describe("What people call it"),
  kind: z.enum(VAULT_KINDS).describe(
    "How it is sent: `bearer` and `basic` as `Authorization`, `header` in a header, `query` in a " +
      "parameter of the address; `oauth2` as a bearer token that is refreshed here",
  ),
  origins: z.array(z.string().max(300)).min(1, "names no origin").max(MOST_ORIGINS)
    .refine((all) => new Set(all).size === all.length, "names an origin twice")
    .describe(
      "Where it may go, as https://host or https://host:port; http for hosts that the operator named",
    ),
  owner: z.string().max(64).default("org").describe(
    "`org`: calls of everybody carry it. That of a member is made by that member, in the dashboard",
  ),
  secret: secret.exactOptional(),
  oauth: oauth.exactOptional().describe("oauth2: who issues its tokens, and for what"),
  header: z.string().regex(/^[a-z0-9-]{1,64}$/, "must be the name of a header in lower case")
    .exactOptional().describe("header: in which one"),
  parameter: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be letters, digits and _ . -")
    .exactOptional().describe("query: in which one"),
}).superRefine(({ kind, header, parameter, oauth, secret }, context) => {
  const asked = { header, parameter, oauth, secret } as const;
  const needed: Readonly<Record<keyof typeof asked, boolean>> = {
    header: kind === "header",
    parameter: kind === "query",
    oauth: kind === "oauth2",
    secret: kind !== "oauth2",
  };
  for (const [name, value] of Object.entries(asked)) {
    const isNeeded = needed[name as keyof typeof asked];
    if (isNeeded === (value !== undefined)) continue;
    const message = isNeeded ? `is needed with kind ${kind}` : `is no part of kind ${kind}`;
    context.addIssue({ code: "custom", path: [name], message });
  }
});

const rotation = z.strictObject({
  secret: secret.exactOptional(),
  oauth: z.strictObject({ refresh_token: token }).exactOptional()
    .describe("oauth2 with a client of one's own: another refresh token"),
  overlap_seconds: z.int().min(0).max(MOST_OVERLAP_SECONDS).default(0).describe(
    "How long the secret before is tried where the upstream answers 401 to the new one",
  ),
}).refine(
  ({ secret, oauth }) => (secret === undefined) !== (oauth === undefined),
  "has either secret or oauth",
);

const credential = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(VAULT_KINDS),
  origins: z.array(z.string()),
  owner: z.string(),
  header: z.string().optional(),
  parameter: z.string().optional(),
  oauth: z.object({
    issuer: z.string(),
    client_id: z.string().nullable(),
    scope: z.string().nullable(),
    resource: z.string().nullable(),
    account: z.string().nullable().describe("Whose it is, in the provider's words; untrusted"),
    connected_by: z.string().nullable().describe("The member who connected it"),
  }).optional(),
  state: z.enum(["ready", "refreshing", "needs_reconnect"]),
  expires_at: z.iso.datetime().nullable().optional()
    .describe("oauth2: when its access token ends; it is refreshed before"),
  last_used_at: z.iso.datetime().nullable().describe("To the minute"),
  rotated_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
});

/** What is told of a credential besides its record. */
interface Told {
  readonly used: ReadonlyMap<string, number>;
  readonly grants: ReadonlyMap<string, SeenGrant>;
}

function render(record: VaultRecord, { used, grants }: Told): JsonObject {
  const { id, name, kind, field, origins, owner, oauth, rotated_at, created_at } = record;
  const last = used.get(id) ?? null;
  const grant = grants.get(id);
  const expires_at = grant?.expires_at ?? null;
  const issued = oauth === null ? {} : {
    oauth: {
      ...oauth,
      account: grant?.account ?? null,
      connected_by: grant?.connected_by ?? null,
    },
    expires_at: expires_at === null ? null : timeText(expires_at),
  };
  return {
    id,
    name,
    kind,
    origins: [...origins],
    owner,
    ...(field === null ? {} : kind === "header" ? { header: field } : { parameter: field }),
    ...issued,
    state: oauth === null ? "ready" : grant?.state ?? "needs_reconnect",
    last_used_at: last === null ? null : timeText(last),
    rotated_at: rotated_at === null ? null : timeText(rotated_at),
    created_at: timeText(created_at),
  };
}

/** What is told of these. */
async function toldOf(
  { services, org }: Pick<Call<unknown, unknown, unknown>, "services" | "org">,
  records: readonly VaultRecord[],
): Promise<Told> {
  const [used, grants] = await Promise.all([
    services.lastUsed.of(org, records.map(({ id }) => id)),
    grantsOf(services, org, records),
  ]);
  return { used, grants };
}

const NOTHING: Told = { used: new Map(), grants: new Map() };

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
      const { header, parameter, owner, oauth, secret = "", name, kind, origins } = call.body;
      if (owner !== "org") {
        const what = "Putting in a credential of a member, in the dashboard,";
        throw new Refusal("owner_required", { what });
      }
      const { private_hosts } = call.services.settings;
      const { client_id = null, client_secret = "", scope = null, resource = null } = oauth ?? {};
      const asked = {
        name,
        kind,
        origins,
        field: header ?? parameter ?? null,
        secret: oauth === undefined ? secret : client_secret,
        oauth: oauth === undefined ? null : { issuer: oauth.issuer, client_id, scope, resource },
        refresh_token: oauth?.refresh_token ?? null,
      };
      const state = asked.refresh_token === null ? "needs_reconnect" : "ready";
      return call.commit(
        createCredential(asked, private_hosts, call.id),
        (record): Answer => {
          const grant = { state, expires_at: null, account: null, connected_by: null } as const;
          const grants = new Map([[record.id, grant]]);
          return { status: 201, body: render(record, { used: new Map(), grants }) };
        },
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
      const told = await toldOf(call, items);
      return { status: 200, body: { data: items.map((one) => render(one, told)), next_cursor } };
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
      return { status: 200, body: render(record, await toldOf(call, [record])) };
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
          body: { ...render(record, NOTHING), removed: true },
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
      const told = await toldOf(call, [await call.transact(seeCredential(call.params.id))]);
      const { secret, oauth, overlap_seconds } = call.body;
      const rotation = { secret: secret ?? oauth?.refresh_token ?? "", overlap_seconds };
      return call.commit(
        rotateCredential(call.params.id, rotation, call.id),
        (record): Answer => ({ status: 200, body: render(record, told) }),
      );
    },
  }),
  guarded({
    method: "post",
    path: `${PATH}/connect`,
    group,
    summary: "Say where a member connects a credential",
    description:
      "A page of this deployment: it asks for a signed-in member who configures, and for " +
      "their passkey, and leads on to the provider.",
    callers: ["management"],
    params: byId,
    answers: { 200: z.object({ authorize_url: z.string() }) },
    refusals: ["not_found"],
    handle: async (call) => {
      const { id, oauth } = await call.transact(seeCredential(call.params.id));
      if (oauth === null) throw new Refusal("not_found", { what: `credential ${id} of oauth2` });
      const authorize_url = connectUrl(call.services.settings, id);
      return { status: 200, body: { authorize_url } };
    },
  }),
];
