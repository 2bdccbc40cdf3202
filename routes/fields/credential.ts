import { z } from "zod";
import { externalIdProblem } from "../../lib/base/text.ts";
import { VAULT_KINDS } from "../../lib/store/records/vault.ts";
import { MOST_ORIGINS, type NewCredential } from "../../lib/vault/credentials.ts";
import { ruled } from "./action.ts";

/** Credentials as somebody puts them in, over REST and in the dashboard. */

export const credentialSecret = z.string().min(1).max(8192).describe(
  "Written only, and in no answer. Of `basic` user:password; of `header` and `query` the whole value",
);

export const credentialToken = z.string().regex(/^[\x20-\x7e]+$/, "must be printable ASCII").max(
  8192,
);

/** The name of a header, of which case does not count (RFC 9110 section 5.1). */
export const headerName = z.string().regex(
  /^[A-Za-z0-9-]{1,64}$/,
  "must be the name of a header: 1 to 64 letters, digits and hyphens",
);

const oauth = z.strictObject({
  issuer: z.string().max(2048).describe("Of the provider, as its metadata name it"),
  client_id: z.string().min(1).max(2048).exactOptional()
    .describe("As this deployment is registered there; absent to have it register itself"),
  client_secret: credentialToken.exactOptional().describe("Written only"),
  refresh_token: credentialToken.exactOptional()
    .describe("Written only; absent to have a member connect it"),
  scope: z.string().min(1).max(1000).exactOptional(),
  resource: z.string().max(2048).exactOptional()
    .describe(
      "What tokens are for (RFC 8707); absent to take what the server names, or its origin",
    ),
});

/** A credential as somebody puts it in. */
export const newCredential = z.strictObject({
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
  secret: credentialSecret.exactOptional(),
  oauth: oauth.exactOptional().describe("oauth2: who issues its tokens, and for what"),
  header: headerName.toLowerCase().exactOptional().describe("header: in which one"),
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

/** What is put into the vault of it. */
export function givenCredential(
  { header, parameter, oauth, secret = "", name, kind, origins }: z.output<typeof newCredential>,
  own: NewCredential["own"],
): NewCredential {
  const { client_id = null, client_secret = "", scope = null, resource = null } = oauth ?? {};
  return {
    name,
    kind,
    origins,
    field: header ?? parameter ?? null,
    secret: oauth === undefined ? secret : client_secret,
    oauth: oauth === undefined ? null : { issuer: oauth.issuer, client_id, scope, resource },
    refresh_token: oauth?.refresh_token ?? null,
    own,
  };
}
