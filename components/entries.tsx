import type { Check, Fold, ReceiptCheck } from "../lib/verify/receipt_check.ts";
import { Badge, type BadgeProps } from "./badge.tsx";
import { Definitions } from "./definitions.tsx";

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
