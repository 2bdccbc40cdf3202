import { Badge } from "../../components/badge.tsx";
import { Bare } from "../../components/bare.tsx";
import { ButtonLink } from "../../components/button.tsx";
import { Definitions } from "../../components/definitions.tsx";
import { Form } from "../../components/form.tsx";
import { Notice } from "../../components/notice.tsx";
import { ProgramName } from "../../components/program_name.tsx";
import { absoluteWords } from "../../components/time_words.ts";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import Consent from "../../islands/consent.tsx";
import type { Tickable } from "../../islands/consent.tsx";
import type { AuthorizeRequest } from "../../lib/oauth/authorize.ts";
import type { OAuthClient } from "../../lib/oauth/client.ts";
import type { ConsentOrg } from "../../lib/oauth/consent_orgs.ts";
import { type RedirectTarget, redirectTarget } from "../../lib/oauth/redirect_uri.ts";
import type { Scope } from "../../lib/store/records/oauth.ts";
import { visibleText } from "../../lib/text/visible_text.ts";
import { SCOPE_WORDS } from "../fields/scopes.ts";

interface ConsentPageProps {
  readonly request: AuthorizeRequest;
  /** Of the request's URL, without `?`. */
  readonly query: string;
  /** This page's own address. */
  readonly path: string;
  readonly orgs: readonly ConsentOrg[];
  /** Of whoever is signed in. */
  readonly email: string;
  /** Where the browser goes when the person says no. */
  readonly deny: string;
}

/** Asks a person whether a client may act for them: who asks, where the answer goes, and what for. */
export function ConsentPage({ request, query, path, orgs, email, deny }: ConsentPageProps) {
  const { client, redirect_uri, code_challenge, resource, scopes } = request;
  const target = redirectTarget(redirect_uri);
  return (
    <Bare
      title="Connect a program"
      lead={
        <>
          The program <ProgramName name={client.name} /> asks to act for you in Countersign.
        </>
      }
      foot={
        <Form do="sign_out" action="/sign-out" hidden={{ to: path }}>
          Signed in as <UntrustedText text={email} />.{" "}
          <button type="submit" class="link-button">Use another account</button>
        </Form>
      }
    >
      <Definitions
        items={[
          { term: "Calls itself", value: <ProgramName name={client.name} /> },
          { term: "Known as", value: <KnownAs client={client} target={target} /> },
          { term: "Answer goes to", value: <UntrustedText text={target.shown} mono /> },
        ]}
      />
      <Doubt client={client} target={target} />
      {orgs.length === 0
        ? (
          <>
            <p>You are in no organization, so there is nothing that it could do for you.</p>
            <p>
              <ButtonLink href={deny} rel="noreferrer">Go back</ButtonLink>
            </p>
          </>
        )
        : (
          <Consent
            facts={{ client_id: client.id, redirect_uri, code_challenge, resource }}
            request={query}
            scopes={scopes.map((scope) => scopeBox(scope, orgs))}
            orgs={orgs.map((org) => orgBox(org, scopes, orgs.length === 1))}
            deny={deny}
            target={visibleText(target.shown)}
          />
        )}
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  );
}

interface Asker {
  readonly client: OAuthClient;
  readonly target: RedirectTarget;
}

/** Whether somebody vouches for who asks: its domain does, where the answer goes to a host as well. */
function isVerified({ client, target }: Asker): boolean {
  return client.kind === "metadata_document" && target.kind === "host";
}

function KnownAs(asker: Asker) {
  const { host } = asker.client;
  return (
    <span class="badges">
      {isVerified(asker)
        ? <Badge tone="success" icon="check">domain verified</Badge>
        : <Badge tone="warning" icon="warning">unverified</Badge>}
      {host !== null && <UntrustedText text={host} mono />}
    </span>
  );
}

/** What a person should think of before they believe the name. */
function Doubt(asker: Asker) {
  if (isVerified(asker)) return null;
  return (
    <Notice tone="warning" live={false}>
      {asker.target.kind === "host"
        ? "Unverified: it registered itself, so anybody could be asking under this name. Go on only if you have just begun this at the address that the answer goes to."
        : "Unverified: any program on this computer could be asking. Go on only if you have just begun this yourself."}
    </Notice>
  );
}

function scopeBox(scope: Scope, orgs: readonly ConsentOrg[]): Tickable {
  const { label, hint } = SCOPE_WORDS[scope];
  const possible = orgs.some((org) => org.scopes.includes(scope));
  return {
    value: scope,
    label,
    hint: possible ? hint : "Your role does not include this.",
    ticked: possible,
    disabled: !possible,
  };
}

function orgBox(org: ConsentOrg, asked: readonly Scope[], alone: boolean): Tickable {
  const reached = asked.filter((scope) => org.scopes.includes(scope));
  const possible = reached.length > 0 && org.held_until === null;
  return {
    value: org.id,
    label: visibleText(org.name),
    hint: orgHint(org, asked, reached),
    ticked: alone && possible,
    disabled: !possible,
  };
}

function orgHint(
  { role, held_until }: ConsentOrg,
  asked: readonly Scope[],
  reached: readonly Scope[],
): string {
  if (held_until !== null) {
    return `Not before ${absoluteWords(held_until)}: your account was recovered lately.`;
  }
  const own = `Your role: ${role}`;
  const beyond = asked.filter((scope) => !reached.includes(scope));
  if (beyond.length === 0) return own;
  return `${own}, which does not include: ${
    beyond.map((scope) => SCOPE_WORDS[scope].label.toLowerCase()).join(", ")
  }`;
}
