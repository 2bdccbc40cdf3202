import { entrySentence } from "../lib/activity/entry_sentence.ts";
import type { Names } from "../lib/activity/names.ts";
import type { LoggedEntry } from "../lib/ledger/log_reader.ts";
import { Time } from "./time.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

export interface PolicyChangesProps {
  readonly entries: readonly LoggedEntry[];
  readonly names: Names;
  readonly now: number;
  /** What is said when there are none. */
  readonly none: string;
}

/** Who changed what and when, from the audit log, the newest first. */
export function PolicyChanges({ entries, names, now, none }: PolicyChangesProps) {
  if (entries.length === 0) return <p class="quiet">{none}</p>;
  return (
    <ol class="policy-changes">
      {entries.map(({ index, entry }) => (
        <li key={index} class="policy-change">
          <a class="policy-change-time" href={`/activity/${index}`}>
            <Time at={entry.at} now={now} />
          </a>
          <span class="policy-change-what">
            <UntrustedText text={entrySentence(entry, names)} />
          </span>
        </li>
      ))}
    </ol>
  );
}
