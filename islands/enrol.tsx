import { startRegistration } from "@simplewebauthn/browser";
import type { TargetedSubmitEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { TextField } from "../components/fields.tsx";
import { island } from "../components/island.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { ceremonyStatement } from "../lib/passkeys/statement.ts";
import { NOT_SENT } from "./offline_forms.ts";
import { ceremonyMessage, challengeText, passkeyBar } from "./signing.ts";

type CreationOptions = Parameters<typeof startRegistration>[0]["optionsJSON"];

interface EnrolProps {
  /** What the form asks its page to do with the new passkey. */
  readonly do: string;
  readonly nonce: string;
  /** As WebAuthn's JSON has them. Their challenge is computed here anew. */
  readonly options: JsonObject;
  readonly label: string;
  /** Whether the person is asked what to call it. */
  readonly named: boolean;
  /** Whether the device is asked at once, where the browser lets a page do that unasked. */
  readonly begins?: boolean;
}

export default island("enrol", Enrol);

/** A form that has the device make a passkey, then sends it to the page. */
function Enrol({ do: name, nonce, options, label, named, begins = false }: EnrolProps) {
  const [busy, setBusy] = useState(false);
  const [message, setMessage] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const response = useRef<HTMLInputElement>(null);
  async function make() {
    const challenge = await challengeText(ceremonyStatement("enrolment", location.origin, nonce));
    const optionsJSON = { ...options, challenge } as unknown as CreationOptions;
    const made = await startRegistration({ optionsJSON });
    if (response.current !== null) response.current.value = JSON.stringify(made);
    form.current?.submit();
  }
  async function press(event: TargetedSubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    // Else the device has a passkey that nobody here ever hears of.
    if (!navigator.onLine) return setMessage(NOT_SENT);
    setBusy(true);
    setMessage("");
    try {
      await make();
    } catch (error) {
      setBusy(false);
      setMessage(ceremonyMessage(error));
    }
  }
  useEffect(() => {
    setMessage(passkeyBar());
    // Some browsers want a press of the button first: it is there, and nothing has failed yet.
    if (begins) make().catch(() => {});
  }, []);
  return (
    <form method="post" class="form form-stack" ref={form} onSubmit={press}>
      <input type="hidden" name="do" value={name} />
      <input type="hidden" name="nonce" value={nonce} />
      <input type="hidden" name="response" ref={response} />
      {named && (
        <TextField
          name="name"
          label="Name"
          hint="Where it lives, such as “Work phone”. Only you see it."
          maxLength={60}
          optional
        />
      )}
      <Button variant="primary" size="large" icon="passkey" disabled={busy}>
        {busy ? "Waiting for your device…" : label}
      </Button>
      <p role="alert" class="field-error">{message}</p>
    </form>
  );
}
