/**
 * The addresses of the dashboard, each named once: a page or stream that is declared, a link and a
 * mail take theirs from here, so that none leads where nothing is, and none that holds an id is put
 * together without its encoding.
 */

/** In the form of the router: `:name` stands for one segment, `:name{.+}` for several. */
export const PAGE_PATHS = [
  "/",
  "/activity",
  "/activity/live",
  "/activity/evidence",
  "/activity/evidence/checkpoint.txt",
  "/activity/evidence/consistency.json",
  "/activity/evidence/export",
  "/activity/:index",
  "/activity/:index/receipt.json",
  "/agents",
  "/agents/:id",
  "/api-builder",
  "/api-builder/policy",
  "/api-keys",
  "/api-keys/:id",
  "/approvals",
  "/approvals/live",
  "/approvals/:id",
  "/approvals/:id/deny",
  "/approvals/:id/live",
  "/approvals/:id/statement",
  "/approvals/:id/approve",
  "/budgets",
  "/bundles",
  "/bundles/:id",
  "/calls",
  "/calls/:id",
  "/calls/:id/live",
  "/channels/slack/callback",
  "/channels/slack/connect",
  "/confirm/:nonce",
  "/connect",
  "/connections",
  "/connections/credentials",
  "/connections/credentials/new",
  "/connections/upstream/callback",
  "/connections/upstream/connect",
  "/credentials",
  "/credentials/new",
  "/credentials/:id",
  "/device",
  "/device/allow",
  "/device/statement",
  "/enrol/:link",
  "/guards",
  "/invitation/:link",
  "/mandates",
  "/mandates/:id",
  "/notifications",
  "/notifications/channels",
  "/notifications/channels/cards",
  "/notifications/channels/new",
  "/notifications/channels/:id",
  "/notifications/channels/:id/deliveries/:delivery",
  "/notifications/push",
  "/notifications/push/remove",
  "/notifications/webhooks",
  "/notifications/webhooks/:id",
  "/notifications/webhooks/:id/deliveries/:delivery",
  "/oauth/authorize",
  "/oauth/consent",
  "/oauth/consent/finish",
  "/organizations",
  "/quickstart",
  "/quickstart/live",
  "/quickstart/skill",
  "/quickstart/skill/SKILL.md",
  "/receipts/:id",
  "/receipts/:id/receipt.json",
  "/recover",
  "/recover/:account/:link",
  "/resources",
  "/resources/:id",
  "/rules",
  "/rules/explain",
  "/rules/:id",
  "/security",
  "/security/delete-account",
  "/security/new-passkey",
  "/security/passkeys/:id",
  "/session/fresh",
  "/session/fresh/finish",
  "/session/live",
  "/session/sign-in",
  "/session/sign-in/finish",
  "/set-up/:link",
  "/settings",
  "/sign-in",
  "/sign-out",
  "/sub-tokens",
  "/switch-org",
  "/team",
  "/team/:email",
  "/tenants",
  "/tenants/:id",
  "/tombstones",
  "/tools",
  "/tools/categories",
  "/tools/discovered",
  "/tools/new",
  "/tools/:name{.+}",
  "/upstreams",
  "/upstreams/:name",
  "/upstreams/:name/document/:document",
  "/upstreams/:name/edit",
  "/upstreams/:name/tools/:tool{.+}",
  "/upstreams/new/api",
  "/users",
  "/verify",
] as const;

export type PagePath = (typeof PAGE_PATHS)[number];

type SegmentOf<P extends string> = P extends `${infer Head}/${infer Tail}` ? Head | SegmentOf<Tail>
  : P;

type NameOf<S extends string> = S extends `:${infer Name}{${string}` ? Name
  : S extends `:${infer Name}` ? Name
  : never;

/** What stands in the query; what is null, absent or empty is left out. */
type Query = Readonly<Record<string, string | number | null | undefined>>;

/** What an address is made with: what its path names is needed, all else goes into the query. */
type Given<P extends string> = [NameOf<SegmentOf<P>>] extends [never] ? [query?: Query]
  : [given: { readonly [Name in NameOf<SegmentOf<P>>]: string | number } & Query];

const PARAMETER = /:([a-z]+)(\{\.\+\})?/g;

/** The address of a page, with its parameters, each encoded, and its query. */
export function pagePath<P extends PagePath>(page: P, ...[given = {}]: Given<P>): string {
  const fields: Query = given;
  const inPath = new Set<string>();
  const path = page.replaceAll(PARAMETER, (_, name: string, several: string | undefined) => {
    inPath.add(name);
    const text = String(fields[name]);
    return several === undefined
      ? encodeURIComponent(text)
      : text.split("/").map(encodeURIComponent).join("/");
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    const isSet = value !== null && value !== undefined && value !== "";
    if (isSet && !inPath.has(name)) query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query}`;
}
