import type { JsonObject } from "../lib/base/json.ts";
import { type Item, itemName } from "../lib/onboarding/builder_items.ts";
import { applyPolicyScript, itemsOf } from "../lib/onboarding/builder_plan.ts";
import { countsText, outputOf, OUTPUTS, outputText } from "../lib/onboarding/builder_scripts.ts";
import { builderPath, type BuilderState } from "../lib/onboarding/builder_state.ts";
import { PermissionBadge } from "./badges.tsx";
import { ButtonLink } from "./button.tsx";
import { CodeBlock } from "./code.tsx";
import CopyButton from "./copy_button.tsx";
import { Notice, Section, Tabs } from "./layout.tsx";
import { Table } from "./table.tsx";
import { UntrustedText } from "./untrusted.tsx";

interface OutputProps {
  readonly state: BuilderState;
  readonly origin: string;
  /** The policy as it is; null before it is known. */
  readonly current: JsonObject | null;
  /** Whether it could not be read. */
  readonly failed: boolean;
}

/** What was filled in, in the language that is chosen, to be copied or saved. */
export function BuilderOutput(props: OutputProps) {
  const { state } = props;
  const href = (change: Parameters<typeof builderPath>[1]) => builderPath(state, change);
  return (
    <Section
      title="The script"
      description="It holds no secret: run it with a management key in the environment variable
        COUNTERSIGN_KEY. Read it before you run it."
    >
      <Tabs
        label="Language"
        tabs={OUTPUTS.map(({ key, label }) => ({
          label,
          href: href({ output: key }),
          current: key === state.output,
        }))}
      />
      {state.output === "policy" && (
        <>
          <Tabs
            label="Begins with"
            tabs={[
              {
                label: "The policy as it is, with these in it",
                href: href({ base: "current" }),
                current: state.base === "current",
              },
              {
                label: "These alone",
                href: href({ base: "none" }),
                current: state.base === "none",
              },
            ]}
          />
          {state.base === "none" && (
            <Notice tone="warning" live={false}>
              What a list doesn't name goes: other tools are archived, other tenants, resources and
              rules removed. Lists that are left out stay as they are.
            </Notice>
          )}
        </>
      )}
      <Text {...props} />
      {state.output === "policy" && (
        <CodeBlock
          code={applyPolicyScript(props.origin)}
          label="How to apply it (bash)"
          copy={<CopyButton text={applyPolicyScript(props.origin)} label="Copy" />}
        />
      )}
    </Section>
  );
}

function Text({ state, origin, current, failed }: OutputProps) {
  const { output, base } = state;
  if (output === "policy" && base === "current" && current === null) {
    return failed
      ? <Notice tone="danger">The policy couldn't be read. Load the page again.</Notice>
      : <p class="quiet">Reading the policy…</p>;
  }
  const text = outputText(output, itemsOf(state.plan), {
    origin,
    current: base === "current" ? current : null,
  });
  const { file } = outputOf(output);
  return (
    <>
      <CodeBlock
        key={output}
        code={text}
        label={file}
        copy={<CopyButton key={text} text={text} label={`Copy ${file}`} />}
        wrap={false}
      />
      <div class="row">
        <ButtonLink
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
          download={file}
          icon="download"
        >
          Download {file}
        </ButtonLink>
      </div>
    </>
  );
}

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
        prose
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
                href={builderPath(state, { remove: index })}
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
