import { Icon } from "./icon.tsx";

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
