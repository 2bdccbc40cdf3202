import { Button, ButtonLink } from "../../components/button.tsx";
import { TextField } from "../../components/fields.tsx";
import { Notice } from "../../components/notice.tsx";
import { RuleFallbacks, RuleMatrixTable, RuleVerdict } from "../../components/rule_matrix.tsx";
import { Section } from "../../components/section.tsx";
import type { RuleMatrix } from "../../lib/policy/rule_matrix.ts";
import { matrixLinks } from "./rule_links.ts";

export interface SideBySideProps {
  readonly tool: string | null;
  /** What is wrong with the name of the tool. */
  readonly toolError: string | undefined;
  readonly tenant: string | null;
  /** Null where no tool is looked at. */
  readonly matrix: RuleMatrix | null;
  /** Whether the tenant is not registered. */
  readonly strange: boolean;
  readonly mayConfigure: boolean;
}

/** The rules of one tool at all eight levels, for a tenant and for the organization. */
export function SideBySide(props: SideBySideProps) {
  const { tool, matrix, strange, mayConfigure } = props;
  return (
    <Section
      title="By tool and tenant"
      description="Everything that concerns one tool, side by side. The first rule that matches
        decides: the tenant's from the top, then the organization's."
    >
      <LookForm {...props} />
      {matrix === null || tool === null
        ? <p class="quiet">Choose a tool to see its rules at all eight levels.</p>
        : <Matrix name={tool} matrix={matrix} strange={strange} mayConfigure={mayConfigure} />}
    </Section>
  );
}

function LookForm({ tool, toolError, tenant }: SideBySideProps) {
  return (
    <form
      class="form form-inline"
      method="get"
      action="/rules"
      role="search"
      aria-label="Tool and tenant to look at"
    >
      <TextField
        name="tool_name"
        id="look-tool"
        label="Tool"
        value={tool ?? ""}
        error={toolError}
        list="rule-tools"
        autoComplete="off"
        mono
      />
      <TextField
        name="tenant_id"
        id="look-tenant"
        label="Tenant"
        value={tenant ?? ""}
        list="rule-tenants"
        autoComplete="off"
        mono
        optional
      />
      <Button>Show</Button>
    </form>
  );
}

function Matrix({ name, matrix, strange, mayConfigure }: {
  readonly name: string;
  readonly matrix: RuleMatrix;
  readonly strange: boolean;
  readonly mayConfigure: boolean;
}) {
  return (
    <>
      {matrix.tool === null && (
        <Notice tone="info" live={false}>
          No tool of this name is in the catalog. Rules for it hold as soon as it is.
        </Notice>
      )}
      {strange && (
        <Notice
          tone="warning"
          live={false}
          actions={<ButtonLink href="/tenants" size="small">Tenants</ButtonLink>}
        >
          This tenant is not registered: where any rule names a tenant, its actions need approval
          before rules are looked at.
        </Notice>
      )}
      <RuleVerdict matrix={matrix} />
      <RuleMatrixTable
        matrix={matrix}
        links={matrixLinks(name, matrix.tenant, mayConfigure)}
      />
      <RuleFallbacks matrix={matrix} />
    </>
  );
}
