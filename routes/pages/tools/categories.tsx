import { z } from "zod";
import { PermissionBadge } from "../../../components/badges.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { PermissionField } from "../../../components/choices.tsx";
import { Suggestions, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { DangerSection, EmptyState, Section, SheetActions } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Pagination, RowLink, Table } from "../../../components/table.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { putCategory, removeCategory } from "../../../lib/catalog/categories.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import type { Permission } from "../../../lib/store/records/vocabulary.ts";
import { attempted, type AttemptedForm, queryText } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { categoryName, permissionField, registeredCategoryName } from "../../fields/catalog.ts";
import { pageByName, pageQuery } from "../../fields/paging.ts";

const PATH = "/tools/categories";

/** A category as the page lists it: one that only tools name decides nothing. */
interface Row {
  readonly name: string;
  readonly permission: Permission | null;
  /** Whether it has a default of its own kept, even one that is not set. */
  readonly kept: boolean;
  readonly tools: number;
}

const named = z.strictObject({ name: text(categoryName) });

const setting = z.strictObject({
  name: text(registeredCategoryName),
  default_permission: optional(permissionField),
});

/** The categories of tools, and what holds for each where a tool has no default of its own. */
export const categoriesPage = memberPage({
  path: PATH,
  title: "Categories",
  section: "tools",
  needs: "read",
  query: z.strictObject({ ...pageQuery, name: queryText }),
  load: async (call) => {
    const { query, caller } = call;
    const rows = await call.transact({ plan: ({ snapshot }) => rowsOf(snapshot) });
    const { items, next_cursor } = pageByName(rows, ({ name }) => name, query);
    return {
      items,
      next_cursor,
      names: rows.map(({ name }) => name).slice(0, 500),
      chosen: rows.find(({ name }) => name === query.name) ?? null,
      isFirst: query.cursor === undefined,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data: { items, next_cursor, names, chosen, isFirst, mayConfigure }, attempt }) => (
    <>
      <PageHeader
        title="Categories"
        description="A category groups tools. Its default permission holds for those of its tools
          that have no default of their own, where no rule speaks of them."
        breadcrumb={[{ label: "Tools", href: "/tools" }]}
      />
      <Table<Row>
        caption="Categories of tools"
        rows={items}
        rowKey={({ name }) => name}
        columns={[
          {
            key: "name",
            label: "Category",
            kind: "title",
            cell: ({ name }) =>
              mayConfigure
                ? (
                  <RowLink href={`${pagePath(PATH, { name })}#set`}>
                    <UntrustedText text={name} />
                  </RowLink>
                )
                : <UntrustedText text={name} />,
          },
          {
            key: "permission",
            label: "Default permission",
            cell: ({ permission }) => <PermissionBadge permission={permission} />,
          },
          {
            key: "tools",
            label: "Tools",
            kind: "number",
            cell: ({ name, tools }) => <a href={pagePath("/tools", { category: name })}>{tools}</a>,
          },
        ]}
        empty={
          <EmptyState icon="tool" title={isFirst ? "No categories yet" : "No more categories"}>
            Name a category on a tool, or set the default of one here before its tools come.
          </EmptyState>
        }
      />
      <Pagination
        newer={isFirst ? null : PATH}
        older={next_cursor === null ? null : pagePath(PATH, { cursor: next_cursor })}
        newerLabel="First page"
        olderLabel="More"
      />
      {mayConfigure && (
        <CategoryForm form={attempted(attempt, "set")} chosen={chosen} names={names} />
      )}
      {mayConfigure && chosen?.kept && (
        <DangerSection
          id="remove"
          title={
            <>
              Remove <UntrustedText text={chosen.name} />
            </>
          }
          open={attempt?.do === "remove"}
          description="Its tools keep the name of the category, which decides nothing then: without
            a default of their own, approved ones are allowed."
        >
          <FieldErrors errors={attempted(attempt, "remove").errors} />
          <Form do="remove" hidden={{ name: chosen.name }}>
            <SheetActions>
              <Button variant="danger">Remove category</Button>
            </SheetActions>
          </Form>
        </DangerSection>
      )}
    </>
  ),
  actions: {
    set: action(setting, async (call: MemberCall, { name, default_permission }) => {
      await call.transact(putCategory({ name, default_permission }, call.id), "configure");
      return { to: PATH, notice: `The category ${name} is saved.` };
    }, "configure"),
    remove: action(named, async (call: MemberCall, { name }) => {
      await call.transact(removeCategory(name, call.id), "configure");
      return { to: PATH, notice: `The category ${name} is removed.` };
    }, "configure"),
  },
});

/** The names of the categories that there are, or that tools name; in order. */
export function categoryNames(snapshot: Snapshot): string[] {
  return rowsOf(snapshot).map(({ name }) => name);
}

function rowsOf({ categories, tools }: Snapshot): Row[] {
  const counts = new Map<string, number>();
  for (const { category } of tools.values()) {
    if (category !== null) counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  const names = new Set([...categories.keys(), ...counts.keys()]);
  return [...names].sort().map((name) => ({
    name,
    permission: categories.get(name)?.default_permission ?? null,
    kept: categories.has(name),
    tools: counts.get(name) ?? 0,
  }));
}

function CategoryForm({ form, chosen, names }: {
  readonly form: AttemptedForm;
  readonly chosen: Row | null;
  readonly names: readonly string[];
}) {
  return (
    <Section
      id="set"
      title={chosen === null ? "Set a default" : (
        <>
          Default of <UntrustedText text={chosen.name} />
        </>
      )}
      description="A default that lets more through asks for your passkey."
    >
      <Form do="set" layout="stack">
        <FieldErrors errors={form.errors} />
        <TextField
          name="name"
          label="Category"
          value={form.value("name", chosen?.name)}
          error={form.error("name")}
          readOnly={chosen !== null}
          list="category-names"
          maxLength={64}
          autoComplete="off"
          required
        />
        <Suggestions id="category-names" values={names} />
        <PermissionField
          name="default_permission"
          label="Default permission"
          value={form.value("default_permission", chosen?.permission)}
          error={form.error("default_permission")}
          none="An approved tool of the category is allowed."
        />
        <FormActions>
          <Button variant="primary">Save</Button>
          {chosen !== null && <ButtonLink href={PATH} variant="quiet">Cancel</ButtonLink>}
        </FormActions>
      </Form>
    </Section>
  );
}
