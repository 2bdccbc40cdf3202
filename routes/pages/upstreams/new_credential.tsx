import { z } from "zod";
import { PageHeader } from "../../../components/page_header.tsx";
import { RowLink, Table } from "../../../components/table.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { VAULT_KINDS, type VaultRecord } from "../../../lib/store/records/vault.ts";
import { createCredential } from "../../../lib/vault/credentials.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { givenCredential } from "../../fields/credential.ts";
import { atFields, credentialForm, NewCredentialForm, possibleUsers } from "./credential_form.tsx";
import { KIND_WORDS } from "./credential_parts.tsx";

type Kind = VaultRecord["kind"];

const query = z.strictObject({ kind: z.enum(VAULT_KINDS, "must be one of the kinds").optional() });

type Call = MemberCall<undefined, z.output<typeof query>>;

/** In the order in which people look for theirs. */
const ORDER = Object.keys(KIND_WORDS) as Kind[];

/** Puts a credential in: first how it is sent, then what that takes. */
function newPage({ path, list, section, needs, isOwn }: {
  readonly path: "/credentials/new" | "/connections/credentials/new";
  readonly list: { readonly label: string; readonly href: string };
  readonly section: "upstreams" | "connections";
  readonly needs: "configure" | "grant_write";
  readonly isOwn: boolean;
}) {
  return memberPage({
    path,
    title: "New credential",
    section,
    needs,
    query,
    load: async (call: Call) => ({
      kind: call.query.kind ?? null,
      users: await call.transact({
        plan: ({ snapshot }) => isOwn ? possibleUsers(snapshot) : null,
      }),
    }),
    view: ({ data: { kind, users }, attempt }) =>
      kind === null
        ? (
          <>
            <PageHeader title="New credential" breadcrumb={[list]} />
            <Table<Kind>
              caption="How a credential is sent"
              rows={ORDER}
              rowKey={(one) => one}
              columns={[
                {
                  key: "kind",
                  label: "Kind",
                  kind: "title",
                  cell: (one) => (
                    <RowLink href={pagePath(path, { kind: one })}>{KIND_WORDS[one].label}</RowLink>
                  ),
                },
                { key: "hint", label: "What it is", cell: (one) => KIND_WORDS[one].hint },
              ]}
              empty={null}
            />
          </>
        )
        : (
          <>
            <PageHeader
              title={`New credential: ${KIND_WORDS[kind].label}`}
              breadcrumb={[list, { label: "New credential", href: path }]}
              description={`${KIND_WORDS[kind].hint}.`}
            />
            <NewCredentialForm form={attempted(attempt, "create")} kind={kind} users={users} />
          </>
        ),
    actions: {
      create: action(credentialForm, async (call: Call, { credential, used_by }) => {
        const { services: { settings }, id: request_id } = call;
        const asked = givenCredential(credential, isOwn ? { used_by } : null);
        const { id, oauth, name } = await atFields(async () =>
          await call.transact(createCredential(asked, settings.private_hosts, request_id))
        );
        // To a provider leads a link of that page: browsers follow no form out of our site.
        const notice = oauth === null ? `${name} is kept.` : `${name} is kept. Connect it next.`;
        return { to: pagePath("/credentials/:id", { id }), notice };
      }),
    },
  });
}

/** One of the organization's. */
export const newCredentialPage = newPage({
  path: "/credentials/new",
  list: { label: "Credentials", href: "/credentials" },
  section: "upstreams",
  needs: "configure",
  isOwn: false,
});

/** One of a member's own. */
export const newOwnCredentialPage = newPage({
  path: "/connections/credentials/new",
  list: { label: "Your credentials", href: "/connections/credentials" },
  section: "connections",
  needs: "grant_write",
  isOwn: true,
});
