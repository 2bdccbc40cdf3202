import { type Item, itemName } from "../lib/builder/item.ts";
import { itemsOf } from "../lib/builder/plan.ts";
import { countsText } from "../lib/builder/script_words.ts";
import { builderQuery, type BuilderState } from "../lib/onboarding/builder_state.ts";
import { ButtonLink } from "./button.tsx";
import { PermissionBadge } from "./permission_badge.tsx";
import { Section } from "./section.tsx";
import { Table } from "./table.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

const KINDS: Readonly<Record<Item["kind"], string>> = {
  tool: "Tool",
  tenant: "Tenant",
  resource: "Resource",
  rule: "Rule",
  agent: "Agent",
  key: "Standard key",
};

/** What was filled in so far, each thing with a way to take it out again. */
export function BuilderPlan({ state }: { readonly state: BuilderState }) {
  const items = itemsOf(state.plan);
  const rows = items.map((item, index) => ({ item, index }));
  return (
    <Section title="In the script" description={`So far: ${countsText(items)}.`}>
      <Table
        caption="What the script makes"
        rows={rows}
        rowKey={({ index }) => String(index)}
        columns={[
          { key: "kind", label: "Kind", cell: ({ item }) => KINDS[item.kind] },
          {
            key: "name",
            label: "Name",
            kind: "title",
            cell: ({ item }) => <UntrustedText text={itemName(item)} mono />,
          },
          { key: "permission", label: "Permission", cell: ({ item }) => permissionOf(item) },
          {
            key: "remove",
            label: "Remove",
            kind: "actions",
            cell: ({ item, index }) => (
              <ButtonLink
                href={`/api-builder${builderQuery(state, { remove: index })}`}
                variant="quiet"
                size="small"
                icon="trash"
                aria-label={`Remove ${item.kind} ${itemName(item)}`}
              >
                Remove
              </ButtonLink>
            ),
          },
        ]}
        empty={<p class="quiet">Nothing yet. Fill in one of the forms above.</p>}
      />
    </Section>
  );
}

function permissionOf(item: Item) {
  if (item.kind === "tool") return <PermissionBadge permission={item.default_permission} />;
  return item.kind === "rule" ? <PermissionBadge permission={item.permission} /> : "–";
}
