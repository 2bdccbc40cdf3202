import { pagePath } from "../lib/base/page_path.ts";
import type {
  MatrixCell,
  MatrixFallback,
  MatrixRow,
  RuleMatrix,
} from "../lib/policy/rule_matrix.ts";
import { Badge, PermissionBadge } from "./badges.tsx";
import { LEVEL_WORDS, originWords, RuleSelector } from "./rule.tsx";
import { type Column, Table } from "./table.tsx";
import { UntrustedText } from "./untrusted.tsx";

/** Of more rules than these a cell says only how many there are. */
const SHOWN = 5;

/** Addresses that the matrix leads to; null where the reader may not go there. */
export interface MatrixLinks {
  readonly rule: (id: string) => string;
  readonly make: ((level: MatrixRow["level"], half: "tenant" | "org") => string) | null;
  /** Every rule of a cell, where not all are shown. */
  readonly all: (half: "tenant" | "org") => string;
}

/** The eight levels of one tool side by side: of a tenant, and of the organization. */
export function RuleMatrixTable({ matrix, links }: {
  readonly matrix: RuleMatrix;
  readonly links: MatrixLinks;
}) {
  const column = (half: "tenant" | "org", label: string): Column<MatrixRow> => ({
    key: half,
    label,
    cell: (row) => {
      const cell = row[half];
      return cell === null ? null : <Cell cell={cell} row={row} half={half} links={links} />;
    },
  });
  return (
    <Table
      caption="Rules that concern the tool, the most specific level first"
      prose
      rows={matrix.rows}
      rowKey={({ level }) => level}
      empty={null}
      columns={[
        {
          key: "order",
          label: "No.",
          // On a phone it stands beside the title of the card.
          kind: "badge",
          cell: (row) => matrix.rows.indexOf(row) + 1,
        },
        {
          key: "level",
          label: "Level",
          kind: "title",
          cell: ({ level }) => {
            const { title, meaning } = LEVEL_WORDS[level];
            return (
              <>
                {title}
                <span class="rule-meaning">{meaning}</span>
              </>
            );
          },
        },
        ...(matrix.tenant === null ? [] : [column("tenant", "This tenant")]),
        column("org", "Organization"),
      ]}
    />
  );
}

interface CellProps {
  readonly cell: MatrixCell;
  readonly row: MatrixRow;
  readonly half: "tenant" | "org";
  readonly links: MatrixLinks;
}

function Cell({ cell, row, half, links }: CellProps) {
  const shown = cell.rules.slice(0, SHOWN);
  // There is one rule of a tool alone: it is made once, and changed then.
  const isTaken = row.level === "tool" && cell.total > 0;
  return (
    <div class="rule-cell">
      {shown.map((rule) => (
        <a key={rule.id} class="rule-entry" href={links.rule(rule.id)}>
          {row.level !== "tool" && (
            <RuleSelector selector={rule.selector} without={["tenant_id", "tool_name"]} />
          )}
          <span class="badges">
            <PermissionBadge permission={rule.permission} />
            {cell.inForce?.id === rule.id && <Badge tone="accent" icon="check">In force</Badge>}
          </span>
        </a>
      ))}
      {cell.total > shown.length && (
        <a class="small rule-make" href={links.all(half)}>{cell.total - shown.length} more</a>
      )}
      {links.make === null || isTaken
        ? cell.total === 0 && <span class="quiet small">No rule</span>
        : (
          <span class="row small">
            {cell.total === 0 && <span class="quiet">No rule</span>}
            <a class="rule-make" href={links.make(row.level, half)}>
              {cell.total === 0 ? "Make one" : "Make another"}
              <span class="visually-hidden">
                {` by ${LEVEL_WORDS[row.level].title.toLowerCase()} for ${
                  half === "tenant" ? "this tenant" : "the organization"
                }`}
              </span>
            </a>
          </span>
        )}
    </div>
  );
}

/** What decides where no rule does, in order. */
export function RuleFallbacks({ matrix }: { readonly matrix: RuleMatrix }) {
  return (
    <Table<MatrixFallback>
      caption="What decides when no rule does"
      prose
      rows={matrix.fallbacks}
      rowKey={({ level }) => level}
      empty={null}
      columns={[
        {
          key: "level",
          label: "When no rule does",
          kind: "title",
          cell: ({ level }) => (
            <>
              {originWords(level).title}
              {level === "category_default" && matrix.tool?.category && (
                <>
                  {" "}
                  <UntrustedText text={matrix.tool.category} />
                </>
              )}
            </>
          ),
        },
        {
          key: "permission",
          label: "Says",
          cell: ({ permission, inForce }) => (
            <span class="badges">
              <PermissionBadge permission={permission} none="Nothing" />
              {inForce && <Badge tone="accent" icon="check">In force</Badge>}
            </span>
          ),
        },
      ]}
    />
  );
}

/** What a call that names no more than the tool (and the tenant) is answered, and why. */
export function RuleVerdict({ matrix }: { readonly matrix: RuleMatrix }) {
  const { verdict: { permission, resolved_from, rule }, tenant } = matrix;
  const { title, meaning } = originWords(resolved_from);
  return (
    <p class="rule-verdict">
      <PermissionBadge permission={permission} />
      <span>
        A call that names no more than this tool{tenant === null ? "" : " and this tenant"}. What
        decides: <strong>{title}</strong>.{" "}
        {rule === null
          ? meaning
          : <a href={pagePath("/rules/:id", { id: rule.id })}>See the rule</a>}
      </span>
    </p>
  );
}
