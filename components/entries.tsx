import { pagePath } from "../lib/base/page_path.ts";
import type { EntryRow } from "../lib/evidence/sentences.ts";
import type { Check, Fold, ReceiptCheck } from "../lib/verify/receipt_check.ts";
import { Badge, type BadgeProps, PermissionBadge } from "./badges.tsx";
import { Definitions } from "./layout.tsx";
import { Time } from "./time.tsx";
import { Words } from "./untrusted.tsx";

/** Entries of the log in a list, and how their receipts are checked. */

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
            <a class="row-link" href={pagePath("/activity/:index", { index })}>
              <Words text={sentence} />
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

const TITLES: Readonly<Record<Check["name"], string>> = {
  entry: "The entry itself",
  inclusion: "Its place in the log",
  signature: "The log's signature",
  key: "Whose key that is",
  earlier: "The checkpoint that you kept",
};

const OUTCOMES: Readonly<Record<Check["outcome"], BadgeProps>> = {
  passed: { tone: "success", icon: "check_circle", children: "Holds" },
  failed: { tone: "danger", icon: "cross_circle", children: "Wrong" },
  open: { tone: "warning", icon: "eye", children: "Left to you" },
  skipped: { tone: "neutral", icon: "minus_circle", children: "Not checked" },
};

/** Each check of a receipt with what went into it. */
export function ReceiptChecks({ result: { checks, folds } }: { readonly result: ReceiptCheck }) {
  return (
    <ol class="checks">
      {checks.map((check) => (
        <li key={check.name} class="check">
          <div class="check-head">
            <h3>{TITLES[check.name]}</h3>
            <Badge {...OUTCOMES[check.outcome]} />
          </div>
          <p>{check.says}</p>
          <Definitions items={check.values.map((value) => ({ ...value, mono: true }))} />
          {check.name === "inclusion" && <Folds folds={folds} />}
        </li>
      ))}
    </ol>
  );
}

/** Every hash on the way from the leaf to the root. */
function Folds({ folds }: { readonly folds: readonly Fold[] }) {
  if (folds.length === 0) return null;
  return (
    <details class="folds">
      <summary>
        {folds.length === 1 ? "The one step to the root" : `All ${folds.length} steps to the root`}
      </summary>
      <ol>
        {folds.map(({ side, sibling, hash }, at) => (
          <li key={at}>
            Joined with the hash on the {side}
            <code class="mono">{sibling}</code>
            that gives
            <code class="mono">{hash}</code>
          </li>
        ))}
      </ol>
    </details>
  );
}
