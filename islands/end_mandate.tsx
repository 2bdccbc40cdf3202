import { useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { FormActions } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { Disclosure, Notice } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { revocationStatement } from "../lib/passkeys/statement.ts";
import { signAndPost } from "./confirm.tsx";
import type { Posted } from "./signing.ts";

export interface EndMandateProps {
  readonly facts: { readonly org: string; readonly mandate: string; readonly user: string };
  /** As WebAuthn's JSON has them. Their challenge is computed here. */
  readonly options: JsonObject;
  /** When the server made the page, milliseconds: the clock of a phone may be anything. */
  readonly now: number;
}

type State = "ready" | "busy" | "done";

export default island("end_mandate", EndMandate);

/** The user ends all that they let an agent do under a mandate, by their passkey. */
function EndMandate({ facts, options, now }: EndMandateProps) {
  const [state, setState] = useState<State>("ready");
  const [message, setMessage] = useState("");

  async function run() {
    setState("busy");
    setMessage("");
    const answered = await end(facts, options, now);
    if (answered.ok) return setState("done");
    setState("ready");
    setMessage(answered.message);
  }

  if (state === "done") {
    return (
      <div class="answered">
        <Notice tone="success" title="You ended it">
          It may do nothing for you any more, and what it asked here is over. You can close this
          page.
        </Notice>
      </div>
    );
  }
  return (
    <Disclosure summary="Let it do nothing for you any more">
      <p class="quiet">
        Ends all that you let this agent do under this mandate, at once and for good. What it asks
        here is over then.
      </p>
      <FormActions>
        <Button
          type="button"
          variant="danger"
          icon="ban"
          disabled={state === "busy"}
          onClick={run}
        >
          {state === "busy" ? "Waiting for your passkey…" : "End it, with my passkey"}
        </Button>
      </FormActions>
      <p role="alert" class="field-error">{message}</p>
    </Disclosure>
  );
}

async function end(
  { org, mandate, user }: EndMandateProps["facts"],
  options: JsonObject,
  now: number,
): Promise<Posted<unknown>> {
  const issued_at = new Date(now + performance.now()).toISOString();
  const statement = revocationStatement({ issuer: location.origin, org, mandate, user, issued_at });
  const path = `/v1/mandates/${encodeURIComponent(mandate)}/revoke`;
  return await signAndPost(statement, options, path, { by: "user" });
}
