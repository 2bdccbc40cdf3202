import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

/** Tables whose rows are one line on a desk and two on a phone, and their pages. */

/** One column of a table of `Row`s. */
export interface Column<Row> {
  readonly key: string;
  readonly label: string;
  readonly cell: (row: Row) => ComponentChildren;
  /**
   * `title` heads the row, and on a phone one `badge` stands beside it; `number` stands right;
   * `actions` holds buttons.
   */
  readonly kind?: "text" | "title" | "badge" | "number" | "actions";
}

export interface TableProps<Row> {
  /** What the table lists, for those who do not see it. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Shown instead of the table when there are no rows; mostly an `EmptyState`. */
  readonly empty: ComponentChildren;
  /** Whether its cells are read rather than looked through: they take as many lines as they need. */
  readonly prose?: boolean;
  /** Whether on a phone each cell has a line of its own, which begins with the column's name. */
  readonly stacks?: boolean;
}

/**
 * Rows of one line, of which a long cell is cut short and whole on the page of its row; on a phone
 * a line for the title and one for the rest, where each cell carries its column's name. The roles
 * are written out because a table that is laid out otherwise loses them in some browsers.
 */
export function Table<Row>(props: TableProps<Row>) {
  const { caption, columns, rows, rowKey, empty, prose = false, stacks = false } = props;
  if (rows.length === 0) return <>{empty}</>;
  return (
    <div
      class={`table-frame ${prose ? "table-prose" : "table-rows"}${stacks ? " table-stacks" : ""}`}
    >
      <table class={`table columns-${columns.length}`} role="table">
        <caption class="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ key, label, kind = "text" }) => (
              <th key={key} role="columnheader" scope="col" class={`cell-${kind}`}>
                {kind === "actions" ? <span class="visually-hidden">{label}</span> : label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row">
              {columns.map(({ key, label, kind = "text", cell }) => (
                <td key={key} role="cell" class={`cell-${kind}`}>
                  <div class="cell" data-label={label}>{cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The link of a row: the whole row leads there. */
export function RowLink({ href, children }: {
  readonly href: string;
  readonly children: ComponentChildren;
}) {
  return <a class="row-link" href={href}>{children}</a>;
}

export interface PaginationProps {
  /** Address of the rows before, or null on the first page. */
  readonly newer: string | null;
  /** Address of the rows after, or null on the last page. */
  readonly older: string | null;
  readonly newerLabel?: string;
  readonly olderLabel?: string;
}

/** The way to the next page of a list. Nothing when everything is on this one. */
export function Pagination(props: PaginationProps) {
  const { newer, older, newerLabel = "Newer", olderLabel = "Older" } = props;
  if (newer === null && older === null) return null;
  return (
    <nav class="pagination" aria-label="Pages of the list">
      {newer !== null && (
        <a class="button button-secondary button-medium" href={newer} rel="prev">
          <Icon name="back" size="small" />
          {newerLabel}
        </a>
      )}
      {older !== null && (
        <a class="button button-secondary button-medium pagination-older" href={older} rel="next">
          {olderLabel}
          <Icon name="chevron_right" size="small" />
        </a>
      )}
    </nav>
  );
}
