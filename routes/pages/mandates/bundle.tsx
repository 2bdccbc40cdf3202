import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { countedWords } from "../../../components/duration.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { DangerSection, Definitions, Section, SheetActions } from "../../../components/layout.tsx";
import { GrantedBy, MandateAgent, ScopeChanges, ScopeTable } from "../../../components/mandate.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination } from "../../../components/table.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { namesOf } from "../../../lib/evidence/telling.ts";
import {
  archiveBundle,
  existingBundle,
  loadBundle,
  loadEdition,
  publishBundle,
  type ReadBundle,
} from "../../../lib/mandates/bundle.ts";
import { scopeChanges } from "../../../lib/mandates/edition_changes.ts";
import { USUAL_LIFETIME_MS } from "../../../lib/granting/grant.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { whole } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { bundleId, renderBundle } from "../../fields/mandate.ts";
import { asDefinition, DefinitionField, definitionField } from "./definition.tsx";

const byId = z.object({ id: bundleId });

const query = z.strictObject({
  edition: z.string().regex(/^[1-9][0-9]{0,8}$/, "must be the number of an edition")
    .transform(Number).optional(),
});

type Call = MemberCall<z.output<typeof byId>, z.output<typeof query>>;

const publication = z.strictObject({
  definition: definitionField,
  /** The newest edition when the form was made. */
  edition: whole(z.number().min(1)),
});

/** One edition of a bundle: what it lets an agent do, and what it changed. */
export const bundlePage = memberPage({
  path: "/bundles/:id",
  section: "bundles",
  needs: "read",
  params: byId,
  query,
  load: async (call: Call) => {
    const { params: { id }, query: { edition = null }, caller } = call;
    const { read, before, names } = await call.transact({
      load: async (reader) => {
        const read = await loadBundle(reader, id, edition);
        const number = read?.edition.edition ?? 1;
        const before = number === 1 ? null : await loadEdition(reader, id, number - 1);
        return { read, before };
      },
      plan: ({ snapshot }, _caller, { read, before }) => ({
        read: existingBundle(read, edition === null ? id : `${id}, edition ${edition}`),
        before,
        names: namesOf(snapshot),
      }),
    });
    const { agent } = read.edition.definition;
    const { created_by } = read.edition;
    return {
      read,
      before,
      agentName: names.of(agent),
      byName: names.of(created_by.id),
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  title: ({ read: { edition } }) => `Bundle ${edition.id}, edition ${edition.edition}`,
  view: ({ data: { read, before, agentName, byName, mayConfigure }, attempt, now }) => {
    const { bundle, edition } = read;
    const { definition, description } = edition;
    const path = (number: number) => pagePath("/bundles/:id", { id: bundle.id, edition: number });
    const isNewest = edition.edition === bundle.edition;
    const seconds = definition.default_expiry_seconds;
    return (
      <>
        <PageHeader
          title={<UntrustedText text={bundle.id} />}
          breadcrumb={[{ label: "Bundles", href: "/bundles" }]}
          badges={
            <>
              <Badge>{`Edition ${edition.edition} of ${bundle.edition}`}</Badge>
              {bundle.archived_at !== null && <Badge icon="archive">Archived</Badge>}
            </>
          }
          actions={!isNewest && (
            <ButtonLink href={pagePath("/bundles/:id", { id: bundle.id })}>
              Newest edition
            </ButtonLink>
          )}
          {...(description === null ? {} : { description: <UntrustedText text={description} /> })}
        />
        <Section title="What it allows">
          <ScopeTable scopes={definition.scopes} />
        </Section>
        {before !== null && (
          <Section title={`Changed since edition ${before.edition}`}>
            {before.definition.agent !== definition.agent && (
              <p>
                Its agent was <UntrustedText text={before.definition.agent} mono />.
              </p>
            )}
            <ScopeChanges changes={scopeChanges(before.definition, definition)} />
          </Section>
        )}
        <Section title="Details">
          <Definitions
            items={[
              { term: "Agent", value: <MandateAgent agent={definition.agent} name={agentName} /> },
              {
                term: "A mandate lasts",
                value: `${
                  countedWords(seconds ?? USUAL_LIFETIME_MS / 1000, "seconds")
                } unless its grant says otherwise`,
              },
              { term: "Published", value: <Time at={edition.created_at} now={now} /> },
              { term: "By", value: <GrantedBy by={edition.created_by} name={byName} /> },
              { term: "Digest", value: edition.digest, mono: true },
            ]}
          />
          <Pagination
            newer={isNewest ? null : path(edition.edition + 1)}
            older={edition.edition === 1 ? null : path(edition.edition - 1)}
            newerLabel="Next edition"
            olderLabel="Edition before"
          />
        </Section>
        {mayConfigure && isNewest && (
          <Publishing read={read} form={attempted(attempt, "publish")} />
        )}
        {mayConfigure && bundle.archived_at === null && (
          <DangerSection
            id="archive"
            title="Archive this bundle"
            open={attempt?.do === "archive"}
            description="No mandate is made of it any more. Those that there are go on; a new edition
              brings it back."
          >
            <Form do="archive">
              <SheetActions>
                <Button variant="danger">Archive bundle</Button>
              </SheetActions>
            </Form>
          </DangerSection>
        )}
      </>
    );
  },
  actions: {
    publish: action(publication, async (call: Call, { definition, edition }) => {
      const { id } = call.params;
      const publishing = publishBundle(id, definition, edition, call.id);
      const published = await asDefinition(call.transact(publishing, "configure"));
      return {
        to: pagePath("/bundles/:id", { id }),
        notice: published.created
          ? `Edition ${published.edition.edition} is published. Mandates on those before stay as they are.`
          : `Edition ${published.edition.edition} says the same.`,
      };
    }, "configure"),
    archive: action(z.strictObject({}), async (call: Call) => {
      const { id } = call.params;
      await call.transact(archiveBundle(id, call.id), "configure");
      return { to: pagePath("/bundles/:id", { id }), notice: `Bundle ${id} is archived.` };
    }, "configure"),
  },
});

/** The form of another edition, which begins with the newest. */
function Publishing({ read, form }: {
  readonly read: ReadBundle;
  readonly form: ReturnType<typeof attempted>;
}) {
  return (
    <Section
      title="Publish another edition"
      description="Mandates on the editions before mean what they meant."
    >
      <Form
        do="publish"
        layout="stack"
        hidden={{ edition: form.value("edition", read.bundle.edition) }}
      >
        <FieldErrors errors={form.errors} />
        <DefinitionField form={form} value={definitionText(read)} />
        <FormActions>
          <Button variant="primary">Publish edition</Button>
        </FormActions>
      </Form>
    </Section>
  );
}

/** The body that says what an edition says. */
function definitionText(read: ReadBundle): string {
  const { agent, default_expiry_seconds, scopes, description } = renderBundle(read);
  const body = { agent, default_expiry_seconds, description, scopes };
  return JSON.stringify(body, (_key, value) => value ?? undefined, 2);
}
