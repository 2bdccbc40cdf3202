import { useState } from "preact/hooks";
import { island } from "../components/island.tsx";
import { showPasskey } from "./signing.ts";

export default island("step_up", StepUp);

/** Shows a passkey once more, then sends the form that waits for it, or loads the page again. */
function StepUp({ form }: { readonly form: string | null }) {
  const [state, setState] = useState<"ready" | "busy">("ready");
  const [message, setMessage] = useState("");
  async function confirm() {
    setState("busy");
    setMessage("");
    const confirmed = await showPasskey("step-up", "/session/fresh");
    if (!confirmed.ok) {
      setState("ready");
      setMessage(confirmed.message);
      return;
    }
    const waiting = form === null ? null : document.getElementById(form);
    if (waiting instanceof HTMLFormElement) waiting.submit();
    else location.reload();
  }
  return (
    <div class="stack">
      <button
        type="button"
        class="button button-primary"
        disabled={state === "busy"}
        onClick={confirm}
      >
        {state === "busy" ? "Waiting for your passkey…" : "Confirm with your passkey"}
      </button>
      <p role="alert" class="field-error">{message}</p>
    </div>
  );
}
