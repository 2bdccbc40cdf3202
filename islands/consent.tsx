import { startAuthentication } from "@simplewebauthn/browser";
import { useState } from "preact/hooks";
import { Button, ButtonLink } from "../components/button.tsx";
import { CheckboxGroup, type Choice, RadioGroup } from "../components/choices.tsx";
import { FormActions } from "../components/form.tsx";
import { island } from "../components/island.tsx";
import { type ConsentFacts, consentStatement } from "../lib/passkeys/statement.ts";
import { ceremonyMessage, challengeText, type Posted, postJson } from "./signing.ts";

/** One thing that can be ticked. */
export interface Tickable {
  readonly value: string;
  readonly label: string;
  readonly hint: string;
  /** Whether it is ticked at first. */
  readonly ticked: boolean;
  readonly disabled: boolean;
}

export interface ConsentProps {
  /** What the page shows, and therefore what is signed. */
  readonly facts: Pick<
    ConsentFacts,
    "client_id" | "redirect_uri" | "code_challenge" | "resource"
  >;
  /** The query of the request, as it came. */
  readonly request: string;
  readonly scopes: readonly Tickable[];
  readonly orgs: readonly Tickable[];
  /** Whether it can act in one organization only. */
  readonly ofOne: boolean;
  /** Where the browser goes when the person says no. */
  readonly deny: string;
  /** Where the answer goes, in words. */
  readonly target: string;
}

interface Begun {
  readonly nonce: string;
  readonly options: Parameters<typeof startAuthentication>[0]["optionsJSON"];
}

type State = "ready" | "busy" | "done";

export default island("consent", Consent);

/** What a person lets a client do, and where: signed by their passkey exactly as it is ticked. */
function Consent({ facts, request, scopes, orgs, ofOne, deny, target }: ConsentProps) {
  const [state, setState] = useState<State>("ready");
  const [message, setMessage] = useState("");
  // Kept here as well: drawn anew, a box must not fall back to what it was at first.
  const [ticked, setTicked] = useState({ scopes: tickedOf(scopes), orgs: tickedOf(orgs) });

  async function allow(event: SubmitEvent) {
    event.preventDefault();
    if (!(event.currentTarget instanceof HTMLFormElement) || state !== "ready") return;
    const now = readTicked(event.currentTarget);
    setTicked(now);
    if (now.scopes.length === 0) return setMessage("Tick what it may do, or deny.");
    if (now.orgs.length === 0) {
      return setMessage("Tick the organization that it may act in, or deny.");
    }
    setState("busy");
    setMessage("");
    const allowed = await sign(facts, request, now);
    if (!allowed.ok) {
      setState("ready");
      return setMessage(allowed.message);
    }
    setState("done");
    location.assign(allowed.data.redirect);
  }

  return (
    <form
      class="form form-stack"
      onSubmit={allow}
      onChange={(event) => setTicked(readTicked(event.currentTarget))}
    >
      <CheckboxGroup
        name="scopes"
        label="What it may do"
        options={scopes.map(choiceOf)}
        values={ticked.scopes}
      />
      {ofOne
        ? (
          <RadioGroup
            name="orgs"
            label="In which organization"
            hint={orgs.length > 1 ? "Its tools are those of one organization." : undefined}
            options={orgs.map(choiceOf)}
            value={ticked.orgs[0]}
          />
        )
        : (
          <CheckboxGroup
            name="orgs"
            label="In which organization"
            hint={orgs.length > 1 ? "Tick where it may act, and leave the others." : undefined}
            options={orgs.map(choiceOf)}
            values={ticked.orgs}
          />
        )}
      <div>
        <p role="alert" class="field-error">{message}</p>
        <p role="status">
          {state === "done" ? `Allowed. ${target} takes over now; you can close this window.` : ""}
        </p>
      </div>
      <FormActions>
        <Button variant="primary" icon="passkey" disabled={state !== "ready"}>
          {state === "busy" ? "Waiting for your passkey…" : "Allow with your passkey"}
        </Button>
        <ButtonLink href={deny} rel="noreferrer">Deny</ButtonLink>
      </FormActions>
    </form>
  );
}

/**
 * Has the passkey sign what is ticked. The challenge is computed here, so that nothing else can be
 * allowed in its name.
 */
async function sign(
  facts: ConsentProps["facts"],
  request: string,
  ticked: Pick<ConsentFacts, "scopes" | "orgs">,
): Promise<Posted<{ readonly redirect: string }>> {
  const begun = await postJson<Begun>("/oauth/consent", { request });
  if (!begun.ok) return begun;
  const { nonce, options } = begun.data;
  const statement = consentStatement({ ...facts, ...ticked, nonce, issuer: location.origin });
  const challenge = await challengeText(statement);
  try {
    const response = await startAuthentication({ optionsJSON: { ...options, challenge } });
    return await postJson("/oauth/consent/finish", { ...ticked, nonce, response });
  } catch (error) {
    return { ok: false, code: "ceremony_ended", message: ceremonyMessage(error) };
  }
}

function choiceOf({ value, label, hint, disabled }: Tickable): Choice {
  return { value, label, hint, disabled };
}

/** What is ticked in the form, as the person sees it. */
function readTicked(form: HTMLFormElement): { scopes: string[]; orgs: string[] } {
  const fields = new FormData(form);
  return { scopes: fields.getAll("scopes").map(String), orgs: fields.getAll("orgs").map(String) };
}

function tickedOf(choices: readonly Tickable[]): string[] {
  return choices.filter(({ ticked }) => ticked).map(({ value }) => value);
}
