import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { ReceiptChecks } from "../components/entries.tsx";
import { TextAreaField } from "../components/fields.tsx";
import { Icon } from "../components/icon.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import { parseStrictJson } from "../lib/base/strict_json.ts";
import {
  checkReceipt,
  type Known,
  type Pasted,
  type PastedResult,
  readPasted,
  type ReceiptCheck as Result,
} from "../lib/verify/receipt_check.ts";
import {
  isSignedReceipt,
  type SignedVerdict,
  signedVerdict,
} from "../lib/verify/signed_receipt.ts";
import type { Receipt } from "../lib/verify/verify_receipt.ts";
import { buildOf, BUILT_FILES, OFFLINE } from "./service_worker_rules.ts";

const EMPTY: Pasted = { receipt: "", key: "", earlier: "", consistency: "" };

export default island("receipt_check", ReceiptCheck);

type Errors = Extract<PastedResult, { ok: false }>["errors"];

/** Checks a pasted receipt in this browser; nothing that is pasted leaves it. */
function ReceiptCheck() {
  const [pasted, setPasted] = useState(EMPTY);
  const [errors, setErrors] = useState<Errors>({});
  const [checked, setChecked] = useState<Checked | null>(null);
  const [signed, setSigned] = useState<SignedVerdict | null>(null);
  const outcome = useRef<HTMLDivElement>(null);
  useEffect(() => void keepForOffline(), []);
  useEffect(() => {
    if (checked !== null || signed !== null) outcome.current?.focus();
  }, [checked, signed]);

  const change = (part: Partial<Pasted>) => {
    setPasted((before) => ({ ...before, ...part }));
    // What was found is about what stood there before.
    setChecked(null);
    setSigned(null);
  };
  async function check() {
    const verdict = await signedPasted(pasted);
    setSigned(verdict);
    if (verdict !== null) {
      setErrors({});
      return;
    }
    const read = readPasted(pasted);
    setErrors(read.ok ? {} : read.errors);
    setChecked(read.ok ? await runCheck(read.receipt, read.known) : null);
  }
  const field = (name: keyof Pasted) => ({
    name,
    mono: true,
    spellcheck: false,
    autoComplete: "off",
    value: pasted[name],
    error: errors[name],
    onInput: (event: { readonly currentTarget: HTMLTextAreaElement }) =>
      change({ [name]: event.currentTarget.value }),
  });
  return (
    <div class="stack verifier">
      <div class="field">
        <label class="field-label" for="receipt-file">Receipt, as a file</label>
        <input
          class="input"
          id="receipt-file"
          type="file"
          accept=".json,application/json"
          onChange={async (event) => {
            const receipt = await event.currentTarget.files?.[0]?.text();
            if (receipt !== undefined) change({ receipt });
          }}
        />
      </div>
      <TextAreaField
        {...field("receipt")}
        label="Receipt, as text"
        hint='JSON with "entry", "inclusion" and "checkpoint", or a signed one, whose id begins with rcp_'
        rows={8}
      />
      <TextAreaField
        {...field("key")}
        label="The log's key as you know it"
        hint="Its fingerprint, or the keys file, from elsewhere than this receipt. Without it you
          only learn that the receipt fits together."
        rows={2}
        optional
      />
      <details class="disclosure">
        <summary>
          <Icon name="chevron_right" size="small" />
          <span class="disclosure-summary">Compare with a checkpoint that you kept</span>
        </summary>
        <div class="disclosure-body stack">
          <TextAreaField
            {...field("earlier")}
            label="Checkpoint"
            hint="The note as you saved it, all lines of it."
            optional
          />
          <TextAreaField
            {...field("consistency")}
            label="Consistency proof"
            hint="Needed where the log had another size then: under Activity, Evidence, or from
              /v1/audit/proof/consistency."
            optional
          />
        </div>
      </details>
      <div>
        <Button type="button" variant="primary" icon="shield" onClick={check}>
          Check this receipt
        </Button>
      </div>
      <div ref={outcome} class="stack" tabIndex={-1} aria-live="polite">
        {signed !== null && <Notice tone={signed.tone} title={signed.title}>{signed.says}</Notice>}
        {checked !== null &&
          (checked.ok
            ? <Outcome result={checked.result} />
            : <Notice tone="danger">{checked.message}</Notice>)}
      </div>
    </div>
  );
}

function Outcome({ result }: { readonly result: Result }) {
  return (
    <>
      <h2>What was found</h2>
      <Verdict verdict={result.verdict} />
      <ReceiptChecks result={result} />
    </>
  );
}

function Verdict({ verdict }: Pick<Result, "verdict">) {
  switch (verdict) {
    case "proven":
      return (
        <Notice tone="success" title="Proven: this entry is in the log">
          Whoever holds the key that you know signed for a log that contains it, as it stands here.
        </Notice>
      );
    case "consistent":
      return (
        <Notice tone="warning" title="It fits together, but anyone could have made it">
          Compare the key's fingerprint below with one that you got from elsewhere, or paste that
          one above.
        </Notice>
      );
    case "wrong":
      return (
        <Notice tone="danger" title="This receipt proves nothing">
          Something is wrong with it; what, is marked below.
        </Notice>
      );
  }
}

/** What came of checking a signed receipt, with the keys document in the place of a key; null for another kind. */
async function signedPasted({ receipt, key }: Pasted): Promise<SignedVerdict | null> {
  const read = parseStrictJson(receipt.trim());
  if (!read.ok || !isSignedReceipt(read.value)) return null;
  const keys = parseStrictJson(key.trim());
  return await signedVerdict(read.value, keys.ok ? keys.value : null);
}

/** What came of a check in this browser. */
export type Checked =
  | { readonly ok: true; readonly result: Result }
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
        ? "This browser can't check Ed25519 signatures. Use a current one, or the command line."
        : `The check itself failed, so nothing is proven: ${String(error)}`,
    };
  }
}

/**
 * Keeps this page and the files it is made of, so that the service worker can show it without a
 * network. Only for a page that says nothing of anybody: it is fetched as by a stranger.
 */
export async function keepForOffline(): Promise<void> {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return;
  const { origin, pathname } = location;
  const files = performance.getEntriesByType("resource").map(({ name }) => name)
    .filter((url) => buildOf(url, origin) !== null);
  try {
    await (await caches.open(OFFLINE)).add(new Request(pathname, { credentials: "omit" }));
    await (await caches.open(BUILT_FILES)).addAll(files);
  } catch (error) {
    // A full disk or a private window: the page works, and only with a network.
    console.info(`This page was not kept for later: ${String(error)}`);
  }
}
