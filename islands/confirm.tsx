import { startAuthentication } from "@simplewebauthn/browser";
import { useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { FormActions } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import type { JsonObject } from "../lib/base/json.ts";
import {
  revocationStatement,
  type Statement,
  type UserFacts,
  userStatement,
} from "../lib/passkeys/statement.ts";
import { ceremonyMessage, challengeText, type Posted, postJson, viewDigest } from "./signing.ts";

export interface ConfirmProps {
  /** What is signed, but for the digest, which is taken here of what the page shows. */
  readonly facts: Omit<UserFacts, "view_digest">;
  readonly view: JsonObject;
  /** As WebAuthn's JSON has them. Their challenge is computed here. */
  readonly options: JsonObject;
  /** When the server made the page, milliseconds: the clock of a phone may be anything. */
  readonly now: number;
}

type RequestOptions = Parameters<typeof startAuthentication>[0]["optionsJSON"];

type State = "ready" | "yes_busy" | "end_busy" | "yes" | "ended";

export default island("confirm", Confirm);

/** The user's yes, by their passkey, over exactly what the page shows; or the end of what they granted. */
function Confirm({ facts, view, options, now }: ConfirmProps) {
  const [state, setState] = useState<State>("ready");
  const [message, setMessage] = useState("");

  async function run(as: "yes" | "ended") {
    setState(as === "yes" ? "yes_busy" : "end_busy");
    setMessage("");
    const answered = as === "yes"
      ? await approve(facts, view, options)
      : await end(facts, options, now);
    if (answered.ok) return setState(as);
    setState("ready");
    setMessage(answered.message);
  }

  if (state === "yes") {
    return (
      <Notice tone="success" title="You said yes">
        It may be done once, exactly as it stands here. You can close this page.
      </Notice>
    );
  }
  if (state === "ended") {
    return (
      <Notice tone="success" title="You ended it">
        It may do nothing for you any more, and what it asked here is over. You can close this page.
      </Notice>
    );
  }
  const isBusy = state !== "ready";
  return (
    <>
      <FormActions>
        <Button
          type="button"
          variant="primary"
          size="large"
          icon="passkey"
          disabled={isBusy}
          onClick={() => run("yes")}
        >
          {state === "yes_busy" ? "Waiting for your passkey…" : "Yes, with my passkey"}
        </Button>
      </FormActions>
      <p role="alert" class="field-error">{message}</p>
      <details>
        <summary>Let it do nothing for you any more</summary>
        <p class="quiet">
          Ends all that you let this agent do under this mandate, at once and for good. What it asks
          here is over then.
        </p>
        <FormActions>
          <Button
            type="button"
            variant="danger"
            icon="ban"
            disabled={isBusy}
            onClick={() => run("ended")}
          >
            {state === "end_busy" ? "Waiting for your passkey…" : "End it, with my passkey"}
          </Button>
        </FormActions>
      </details>
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
  return await sign(statement, options, path, { decision: "approve" });
}

async function end(
  { org, mandate, user }: ConfirmProps["facts"],
  options: JsonObject,
  now: number,
): Promise<Posted<unknown>> {
  const issued_at = new Date(now + performance.now()).toISOString();
  const statement = revocationStatement({ issuer: location.origin, org, mandate, user, issued_at });
  const path = `/v1/mandates/${encodeURIComponent(mandate)}/revoke`;
  return await sign(statement, options, path, { by: "user" });
}

/** Has the passkey sign a statement; the challenge is computed here, so that nothing else can be. */
async function sign(
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
