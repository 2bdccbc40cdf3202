import { useEffect, useState } from "preact/hooks";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { type SignedVerdict, signedVerdict } from "../lib/verify/signed_receipt.ts";

export default island("signed_receipt", SignedReceiptCheck);

/** Checks in this browser that a key of its time signed a receipt, letter by letter. */
function SignedReceiptCheck(
  { receipt, keys }: { readonly receipt: JsonObject; readonly keys: JsonObject },
) {
  const [verdict, setVerdict] = useState<SignedVerdict | null>(null);
  useEffect(() => void signedVerdict(receipt, keys).then(setVerdict), [receipt, keys]);
  if (verdict === null) return <p class="quiet" role="status">Your browser checks it…</p>;
  return <Notice tone={verdict.tone} title={verdict.title}>{verdict.says}</Notice>;
}
