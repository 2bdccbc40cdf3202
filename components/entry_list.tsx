import type { EntryRow } from "../lib/activity/entry_row.ts";
import { PermissionBadge } from "./permission_badge.tsx";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** Entries of the log as sentences, each leading to its page. */
export function EntryList({ rows, now }: {
  readonly rows: readonly EntryRow[];
  readonly now: number;
}) {
  return (
    <ol class="entry-list">
      {rows.map(({ index, at, type, sentence, permission }) => (
        <li key={index} class="entry-row">
          <p class="entry-row-sentence">
            <a class="row-link" href={`/activity/${index}`}>
              <UntrustedText text={sentence} />
            </a>
          </p>
          {permission !== null && <PermissionBadge permission={permission} />}
          <p class="entry-row-facts">
            <Time at={at} now={now} show="relative" />
            <span class="mono">{type}</span>
            <span class="mono">#{index}</span>
          </p>
        </li>
      ))}
    </ol>
  );
}
