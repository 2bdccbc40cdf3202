import { useState } from "preact/hooks";
import { island } from "./island.tsx";

export default island("copy_button", CopyButton);

const SAID = { ready: "", copied: "Copied", failed: "Not copied: select the text instead" };

/** Copies a text to the clipboard and says whether that worked, aloud too. */
function CopyButton({ text, label, of }: {
  readonly text: string;
  readonly label: string;
  /** What it copies, for who hears the button and does not see where it stands. */
  readonly of?: string;
}) {
  const [state, setState] = useState<keyof typeof SAID>("ready");
  const copy = () =>
    navigator.clipboard.writeText(text).then(() => setState("copied"), () => setState("failed"));
  return (
    <span class="copy">
      <button type="button" onClick={copy}>
        {label}
        {of !== undefined && <span class="visually-hidden">{` ${of}`}</span>}
      </button>
      <span class="copy-said" role="status">{SAID[state]}</span>
    </span>
  );
}
