import { useState } from "preact/hooks";
import { Button, ButtonLink } from "../components/button.tsx";
import { recoveryCodesText } from "../components/code.tsx";
import { island } from "../components/island.tsx";

interface RecoveryCodesProps {
  /** In groups, as they are to be shown and may be typed. */
  readonly codes: readonly string[];
  /** Where they count, to be read on the paper or file they are kept in. */
  readonly origin: string;
  readonly email: string;
}

export default island("recovery_codes", RecoveryCodes);

/** The codes, and three ways of keeping them. */
function RecoveryCodes({ codes, origin, email }: RecoveryCodesProps) {
  const [copied, setCopied] = useState<"" | "Copied" | "Not copied">("");
  const text = recoveryCodesText({ codes, origin, email });
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied("Copied"),
      () => setCopied("Not copied"),
    );
  return (
    <div class="stack">
      <div class="recovery-sheet">
        <p class="recovery-whose">{`${email} at ${origin}`}</p>
        <ol class="recovery-codes">
          {codes.map((code) => (
            <li key={code}>
              <code>{code}</code>
            </li>
          ))}
        </ol>
      </div>
      <div class="recovery-keep">
        <Button type="button" onClick={copy}>Copy</Button>
        <ButtonLink
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
          download="countersign-recovery-codes.txt"
        >
          Download
        </ButtonLink>
        <Button type="button" onClick={() => print()}>Print</Button>
        <p role="status" class="recovery-copied">{copied}</p>
      </div>
    </div>
  );
}
