import { startAuthentication } from "@simplewebauthn/browser";
import { useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { FormActions } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import { type Statement, type UserFacts, userStatement } from "../lib/passkeys/statement.ts";
import { ceremonyMessage, challengeText, type Posted, postJson, viewDigest } from "./signing.ts";

export interface ConfirmProps {
  /** What is signed, but for the digest, which is taken here of what the page shows. */
  readonly facts: Omit<UserFacts, "view_digest">;
  readonly view: JsonObject;
  /** As WebAuthn's JSON has them. Their challenge is computed here. */
  readonly options: JsonObject;
}

type RequestOptions = Parameters<typeof startAuthentication>[0]["optionsJSON"];

type State = "ready" | "busy" | "done";

export default island("confirm", Confirm);

/** The user's yes, by their passkey, over exactly what the page shows. */
function Confirm({ facts, view, options }: ConfirmProps) {
  const [state, setState] = useState<State>("ready");
  const [message, setMessage] = useState("");

  async function run() {
    setState("busy");
    setMessage("");
    const answered = await approve(facts, view, options);
    if (answered.ok) return setState("done");
    setState("ready");
    setMessage(answered.message);
  }

  if (state === "done") {
    return (
      <div class="answered">
        <Notice tone="success" title="You said yes">
          It may be done once, exactly as it stands here. You can close this page.
        </Notice>
      </div>
    );
  }
  return (
    <>
      <FormActions>
        <Button
          type="button"
          variant="primary"
          size="large"
          icon="passkey"
          disabled={state === "busy"}
          onClick={run}
        >
          {state === "busy" ? "Waiting for your passkey…" : "Yes, with my passkey"}
        </Button>
      </FormActions>
      <p role="alert" class="field-error">{message}</p>
    </>
  );
}

async function approve(
  facts: ConfirmProps["facts"],
  view: JsonObject,
  options: JsonObject,
): Promise<Posted<unknown>> {
  const statement = userStatement({
    ...facts,
    issuer: location.origin,
    view_digest: await viewDigest(view),
  });
  const path = `/v1/confirmations/${encodeURIComponent(facts.nonce)}`;
  return await signAndPost(statement, options, path, { decision: "approve" });
}

/** Has the passkey sign a statement; the challenge is computed here, so that nothing else can be. */
export async function signAndPost(
  statement: Statement,
  options: JsonObject,
  path: string,
  body: JsonObject,
): Promise<Posted<unknown>> {
  const challenge = await challengeText(statement);
  try {
    const optionsJSON = { ...options, challenge } as unknown as RequestOptions;
    const assertion = await startAuthentication({ optionsJSON });
    return await postJson(path, { ...body, statement, assertion });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}
