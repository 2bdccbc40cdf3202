import { useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { FormActions } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { pagePath } from "../lib/base/page_path.ts";
import { parseSignedReceipt, signedVerdict } from "../lib/verify/signed_receipt.ts";

/** One receipt that the page lists. */
interface Listed {
  readonly id: string;
  /** The number of its entry among those of the mandate; null for one that has none. */
  readonly seq: number | null;
}

interface MandateReceiptsProps {
  readonly mandate: string;
  readonly receipts: readonly Listed[];
  /** Where the organization's public keys are. */
  readonly keysAt: string;
}

/** Null while nothing was asked; what is wrong with each, nothing for all that are good. */
type Found = { readonly wrong: readonly string[] } | "checking" | null;

export default island("mandate_receipts", MandateReceipts);

/** Fetches the receipts that a page of a mandate lists, and checks each in this browser. */
function MandateReceipts({ mandate, receipts, keysAt }: MandateReceiptsProps) {
  const [found, setFound] = useState<Found>(null);
  const check = async () => {
    setFound("checking");
    const fetched = [];
    for (const listed of receipts) {
      const path = pagePath("/receipts/:id/receipt.json", { id: listed.id });
      fetched.push({ listed, receipt: await fetchJson(path) });
    }
    // After them: an organization has its first key from its first receipt on.
    const keys = await fetchJson(keysAt);
    const wrong: string[] = [];
    for (const { listed, receipt } of fetched) {
      const problem = await problemOf(listed, receipt, { mandate, keys });
      if (problem !== null) wrong.push(problem);
    }
    setFound({ wrong });
  };
  const count = receipts.length === 1 ? "The receipt here is" : `All ${receipts.length} are`;
  return (
    <div class="stack">
      <FormActions>
        <Button
          size="small"
          icon="shield"
          type="button"
          disabled={found === "checking"}
          onClick={() => void check()}
        >
          {receipts.length === 1 ? "Verify its receipt" : `Verify ${receipts.length} receipts`}
        </Button>
      </FormActions>
      <div role="status">
        {found === "checking" && <p class="quiet">Your browser checks them…</p>}
        {found !== null && found !== "checking" && (found.wrong.length === 0
          ? (
            <Notice
              tone="success"
              title="Your browser checked them: the signatures are good"
              live={false}
            >
              {count} of this mandate, signed by the key of their time.
            </Notice>
          )
          : (
            <Notice tone="danger" title="Not every receipt holds" live={false}>
              <ul>
                {found.wrong.map((problem) => <li key={problem}>{problem}</li>)}
              </ul>
            </Notice>
          ))}
      </div>
    </div>
  );
}

/** What the server answers; the status where it refuses, null where it says nothing. */
async function fetchJson(path: string): Promise<JsonObject | number | null> {
  try {
    const answer = await fetch(path);
    return answer.ok ? await answer.json() : answer.status;
  } catch {
    return null;
  }
}

/** What is wrong with a receipt, in words; null for nothing. */
async function problemOf(
  { id, seq }: Listed,
  receipt: JsonObject | number | null,
  { mandate, keys }: {
    readonly mandate: string;
    readonly keys: JsonObject | number | null;
  },
): Promise<string | null> {
  const name = seq === null ? id : `Number ${seq}`;
  if (receipt === 410) return `${name}: who granted it was erased, and with them its receipts.`;
  if (typeof receipt === "number") return `${name}: the server has no receipt (${receipt}).`;
  if (receipt === null || keys === null || typeof keys === "number") {
    return `${name}: the server didn't answer. Try again.`;
  }
  const verdict = await signedVerdict(receipt, keys);
  if (verdict.tone !== "success") return `${name}: ${verdict.says}`;
  const read = parseSignedReceipt(receipt);
  if (!read.ok) return `${name}: ${read.message}.`;
  const { authorization_id, context } = read.receipt.claims;
  const told = (context as JsonObject).mandate_seq ?? null;
  if (read.receipt.id !== id || authorization_id !== mandate || told !== seq) {
    return `${name}: it is the receipt of something else.`;
  }
  return null;
}
