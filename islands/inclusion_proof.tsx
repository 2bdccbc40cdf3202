import { useEffect, useState } from "preact/hooks";
import { ReceiptChecks } from "../components/entries.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { NOTHING_KNOWN } from "../lib/verify/receipt_check.ts";
import { parseReceipt } from "../lib/verify/verify_receipt.ts";
import { type Checked, runCheck } from "./receipt_check.tsx";

export default island("inclusion_proof", InclusionProof);

/** Proves in this browser that an entry is in the log: nothing of it is the server's word. */
function InclusionProof({ receipt }: { readonly receipt: JsonObject }) {
  const [checked, setChecked] = useState<Checked | null>(null);
  useEffect(() => {
    const parsed = parseReceipt(receipt);
    const outcome = parsed.ok
      ? runCheck(parsed.receipt, NOTHING_KNOWN)
      : Promise.resolve({ ok: false as const, message: `${parsed.message}.` });
    void outcome.then(setChecked);
  }, [receipt]);
  if (checked === null) return <p class="quiet" role="status">Your browser checks it…</p>;
  if (!checked.ok) return <Notice tone="danger">{checked.message}</Notice>;
  const { result } = checked;
  return (
    <div class="stack">
      {result.verdict === "wrong"
        ? (
          <Notice tone="danger" title="The proof doesn't hold">
            What the server handed out doesn't fit together. Keep this page, and compare with a
            checkpoint that you kept from before.
          </Notice>
        )
        : (
          <Notice tone="success" title="Your browser computed it: this entry is in the log">
            Its bytes, hashed here, lead to the root that the log's key signed.
          </Notice>
        )}
      <ReceiptChecks result={result} />
    </div>
  );
}
