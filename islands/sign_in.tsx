import { useEffect, useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { island } from "../components/island.tsx";
import { passkeyBar, showPasskey } from "./signing.ts";

export default island("sign_in", SignIn);

/** The one way in: a passkey. `to` is where to go on, as the page's address had it. */
function SignIn({ to }: { readonly to: string | null }) {
  const [busy, setBusy] = useState(false);
  const [message, setMessage] = useState("");
  useEffect(() => setMessage(passkeyBar()), []);
  async function signIn() {
    setBusy(true);
    setMessage("");
    const more = to === null ? {} : { to };
    const entered = await showPasskey<{ to: string }>("sign-in", "/session/sign-in", more);
    if (entered.ok) return location.assign(entered.data.to);
    setBusy(false);
    setMessage(entered.message);
  }
  return (
    <div class="stack">
      <Button
        type="button"
        variant="primary"
        size="large"
        icon="passkey"
        disabled={busy}
        onClick={signIn}
      >
        {busy ? "Waiting for your passkey…" : "Sign in with a passkey"}
      </Button>
      <p role="alert" class="field-error">{message}</p>
    </div>
  );
}
