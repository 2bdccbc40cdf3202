import { checkReceipt, type Known, type ReceiptCheck } from "../lib/verify/receipt_check.ts";
import type { Receipt } from "../lib/verify/verify_receipt.ts";

/** What came of a check in this browser. */
export type Checked =
  | { readonly ok: true; readonly result: ReceiptCheck }
  | { readonly ok: false; readonly message: string };

/** Checks a receipt here, with nothing asked of any server. Never throws. */
export async function runCheck(receipt: Receipt, known: Known): Promise<Checked> {
  try {
    return { ok: true, result: await checkReceipt(receipt, known) };
  } catch (error) {
    const unsupported = error instanceof DOMException && error.name === "NotSupportedError";
    return {
      ok: false,
      message: unsupported
        ? "This browser cannot check Ed25519 signatures. Use a current one, or the command line."
        : `The check itself failed, so nothing is proven: ${String(error)}`,
    };
  }
}
