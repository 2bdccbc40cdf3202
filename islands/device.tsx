import { startAuthentication } from "@simplewebauthn/browser";
import { useState } from "preact/hooks";
import { Button, ButtonLink } from "../components/button.tsx";
import { RadioGroup } from "../components/choices.tsx";
import { FormActions } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { Notice } from "../components/layout.tsx";
import { UntrustedText } from "../components/untrusted.tsx";
import { pagePath } from "../lib/base/page_path.ts";
import { type DeviceFacts, deviceStatement } from "../lib/passkeys/statement.ts";
import { ceremonyMessage, challengeText, type Posted, postJson } from "./signing.ts";

type Gives = DeviceFacts["gives"];

export interface DeviceProps {
  /** What the page shows, and therefore what is signed. */
  readonly facts: Pick<DeviceFacts, "org" | "member" | "user_code" | "name" | "address">;
}

interface Begun {
  readonly nonce: string;
  readonly options: Parameters<typeof startAuthentication>[0]["optionsJSON"];
}

export default island("device", Device);

/** What a computer at a terminal gets: signed by the passkey of who lets it in. */
function Device({ facts }: DeviceProps) {
  const [state, setState] = useState<"ready" | "busy" | "done">("ready");
  const [gives, setGives] = useState<Gives>("agent");
  const [message, setMessage] = useState("");

  async function allow(event: SubmitEvent) {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || state !== "ready") return;
    const chosen = chosenIn(event.currentTarget);
    setGives(chosen);
    setState("busy");
    setMessage("");
    const allowed = await sign(facts, chosen);
    setState(allowed.ok ? "done" : "ready");
    if (!allowed.ok) setMessage(allowed.message);
  }

  if (state === "done") {
    return (
      <Notice
        tone="success"
        title="Let in"
        actions={
          <ButtonLink
            href={gives === "agent" ? pagePath("/agents") : pagePath("/api-keys")}
            size="small"
          >
            {gives === "agent" ? "To the agents" : "To the API keys"}
          </ButtonLink>
        }
      >
        The terminal comes for its secret within seconds, and shows what it got. You can close this
        page.
      </Notice>
    );
  }
  const name = <UntrustedText text={facts.name} />;
  return (
    <form
      class="form form-stack"
      onSubmit={allow}
      onChange={(event) => setGives(chosenIn(event.currentTarget))}
    >
      <RadioGroup
        name="gives"
        label="What it gets"
        value={gives}
        options={[
          {
            value: "agent",
            label: <>An agent, called {name}</>,
            hint: "It asks before it acts, sees its own requests only, and can be paused alone.",
          },
          {
            value: "standard",
            label: <>A standard key, called {name}</>,
            hint: "For programs that run tools: it reads the whole configuration too.",
          },
        ].map((choice) => ({ ...choice, disabled: state === "busy" }))}
      />
      <p role="alert" class="field-error">{message}</p>
      <FormActions>
        <Button variant="primary" icon="passkey" disabled={state === "busy"}>
          {state === "busy" ? "Waiting for your passkey…" : "Let it in with your passkey"}
        </Button>
      </FormActions>
    </form>
  );
}

function chosenIn(form: HTMLFormElement): Gives {
  return new FormData(form).get("gives") === "standard" ? "standard" : "agent";
}

/**
 * Has the passkey sign which computer gets what. The challenge is computed here from what the page
 * shows, so that no other can be let in in its name.
 */
async function sign(
  { user_code, ...facts }: DeviceProps["facts"],
  gives: Gives,
): Promise<Posted<unknown>> {
  const begun = await postJson<Begun>("/device/statement", { user_code });
  if (!begun.ok) return begun;
  const { nonce, options } = begun.data;
  // The letters are what is signed; how they are grouped is for the eye.
  const letters = user_code.replaceAll("-", "");
  const statement = deviceStatement({
    ...facts,
    user_code: letters,
    gives,
    nonce,
    issuer: location.origin,
  });
  const challenge = await challengeText(statement);
  try {
    const response = await startAuthentication({ optionsJSON: { ...options, challenge } });
    return await postJson("/device/allow", { nonce, user_code, gives, response });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}
