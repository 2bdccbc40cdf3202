import { z } from "zod";
import type { JsonObject } from "../../lib/base/json.ts";
import { Refusal } from "../../lib/refusal.ts";
import {
  OF_ORG,
  RECONNECT_WHY,
  VAULT_KINDS,
  type VaultRecord,
} from "../../lib/store/records/vault.ts";
import {
  createCredential,
  deleteCredential,
  MOST_OVERLAP_SECONDS,
  rotateCredential,
  seeCredential,
  seeCredentials,
} from "../../lib/vault/credentials.ts";
import { connectUrl, grantsOf, NEVER_CONNECTED, type SeenGrant } from "../../lib/vault/grant.ts";
import {
  credentialSecret,
  credentialToken,
  givenCredential,
  newCredential,
} from "../fields/credential.ts";
import { timeText } from "../fields/machine.ts";
import { pageAnswer, pageByName, pageQuery } from "../fields/paging.ts";
import type { Answer, Call } from "../http/call.ts";
import { guarded, type Route } from "../http/route.ts";

/** Credentials that calls to upstreams carry. A secret stands in no answer. */

const group = "Gateway";

const PATH = "/v1/credentials/:id";

const byId = z.object({ id: z.string() });

const rotation = z.strictObject({
  secret: credentialSecret.exactOptional(),
  oauth: z.strictObject({ refresh_token: credentialToken }).exactOptional()
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
    why: z.enum(RECONNECT_WHY).nullable()
      .describe("Why it has to be connected again; null where it need not, or never was connected"),
    resting_since: z.iso.datetime().nullable()
      .describe("Since when it is not refreshed by itself, for nobody used it for 60 days"),
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
  const resting = grant?.resting_since ?? null;
  const issued = oauth === null ? {} : {
    oauth: {
      ...oauth,
      why: grant?.why ?? null,
      resting_since: resting === null ? null : timeText(resting),
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
      if (call.body.owner !== OF_ORG) {
        const what = "Putting in a credential of a member, in the dashboard,";
        throw new Refusal("owner_required", { what });
      }
      const { private_hosts } = call.services.settings;
      const asked = givenCredential(call.body, null);
      const state = asked.refresh_token === null ? "needs_reconnect" : "ready";
      return call.commit(
        createCredential(asked, private_hosts, call.id),
        (record): Answer => {
          const grant = { ...NEVER_CONNECTED, state } as const;
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
    description: "Those of the organization. Members see their own in the dashboard.",
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
    refusals: ["not_found", "owner_required"],
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
    refusals: ["not_found", "owner_required"],
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
    refusals: ["not_found", "owner_required"],
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
    refusals: ["not_found", "owner_required"],
    handle: async (call) => {
      const { id, oauth } = await call.transact(seeCredential(call.params.id));
      if (oauth === null) throw new Refusal("not_found", { what: `credential ${id} of oauth2` });
      const authorize_url = connectUrl(call.services.settings, id);
      return { status: 200, body: { authorize_url } };
    },
  }),
];
