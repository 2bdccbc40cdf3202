import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Disclosure, Notice } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import SignIn from "../../../islands/sign_in.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { SESSION_LIFE_MS } from "../../../lib/identity/sessions.ts";
import { assertionResponse } from "../../../lib/passkeys/responses.ts";
import type { Handout } from "../../../lib/people/ceremonies.ts";
import { makeOrg } from "../../../lib/people/make_org.ts";
import { type OrgOfAccount, orgsOf, switchOrg } from "../../../lib/people/sessions.ts";
import { beginSignIn, beginStepUp, signIn, signOut, stepUp } from "../../../lib/people/sign_in.ts";
import { RIGHTS } from "../../../lib/policy/rights.ts";
import type { Services } from "../../../lib/services.ts";
import { attempted } from "../../dashboard/attempted.ts";
import { type AccountCall, type BrowserCall, signedInEmail } from "../../dashboard/browser_call.ts";
import {
  accountEndpoint,
  type Endpoint,
  memberEndpoint,
  publicEndpoint,
} from "../../dashboard/endpoint.ts";
import { optional, text } from "../../dashboard/form.ts";
import { liveStream } from "../../dashboard/live.ts";
import { accountPage, action, type Attempt, publicPage, type View } from "../../dashboard/page.ts";
import { localPath } from "../../http/headers.ts";
import { Refused } from "./enrolment_parts.tsx";
import { ADD_PASSKEY_PATH, DELETE_ACCOUNT_PATH } from "./security_tables.tsx";

/** The way in. What it says is the same for everybody: nobody is named before a passkey is shown. */
export const signInPage = publicPage({
  path: "/sign-in",
  title: "Sign in",
  query: z.object({ to: z.string().optional() }),
  load: async (call) => ({
    to: localPath(call.query.to ?? null, call.services.settings.url),
    email: await signedInEmail(call),
  }),
  view: ({ data: { to, email } }) => (
    <Bare
      title="Sign in"
      lead="Your device asks for your fingerprint, your face or its PIN. There is no password."
      foot={<a href="/recover">Lost your passkeys?</a>}
    >
      {email !== null && (
        <Notice
          tone="info"
          live={false}
          actions={<ButtonLink href={to ?? "/"} size="small">Go on</ButtonLink>}
        >
          You are signed in as <UntrustedText text={email} />.
        </Notice>
      )}
      <SignIn to={to} />
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  ),
});

const form = z.strictObject({ to: optional(z.string()) });

/** Ends the session of this browser. The frame of every page sends its form here. */
export const signOutPage = publicPage({
  path: "/sign-out",
  title: "Sign out",
  load: () => Promise.resolve(null),
  view: () => (
    <Bare title="Sign out" lead="Ends the session of this browser. Others go on.">
      <Form do="sign_out">
        <Button variant="primary">Sign out</Button>
      </Form>
    </Bare>
  ),
  actions: {
    sign_out: action(form, async (call: BrowserCall, { to }) => {
      if (call.session !== null) await signOut(call.services, call.session, call.client);
      call.signOut();
      return { to: to ?? "/sign-in", notice: "You are signed out." };
    }),
  },
});

/** Where a person goes on after signing in, as the address of the sign-in page had it. */
const to = z.string().max(4000).optional();

const answer = { nonce: z.string().max(64), response: assertionResponse };

/** The ceremonies of a session: it begins with one, and another makes it fresh. */
export const sessionEndpoints: readonly Endpoint[] = [
  publicEndpoint({
    method: "post",
    path: "/session/sign-in",
    body: z.strictObject({ to }),
    handle: async ({ services, flow }) => handed(await beginSignIn(services, flow)),
  }),
  publicEndpoint({
    method: "post",
    path: "/session/sign-in/finish",
    body: z.strictObject({ to, ...answer }),
    async handle(call) {
      const { services, flow, session: replaces, client, body } = call;
      const { nonce, response } = body;
      const entered = await signIn(services, { flow, nonce, response, replaces }, client);
      call.signIn(entered.secret, SESSION_LIFE_MS / 1000);
      const next = nextPath(services, body.to ?? null, entered.session.org);
      // A phone's passkey on somebody else's desk: one of this device's own saves the next code.
      return { to: entered.cross_device ? pagePath(ADD_PASSKEY_PATH, { to: next }) : next };
    },
  }),
  // What every page of a member follows that follows nothing else: it ends with the right by which
  // the page was shown.
  memberEndpoint({
    method: "get",
    path: "/session/live",
    isWatch: true,
    needs: "see_requests",
    query: z.strictObject({ right: z.enum(RIGHTS) }),
    handle: (call) => {
      const { right } = call.query;
      const look = () => call.transact({ plan: () => null }, right);
      return Promise.resolve(liveStream(call, {}, look));
    },
  }),
  accountEndpoint({
    method: "post",
    path: "/session/fresh",
    body: z.strictObject({}),
    handle: async ({ services, session }) => handed(await beginStepUp(services, session)),
  }),
  accountEndpoint({
    method: "post",
    path: "/session/fresh/finish",
    body: z.strictObject(answer),
    async handle({ services, session, body, client }) {
      const { fresh_until } = await stepUp(services, session, body, client);
      return { fresh_until: new Date(fresh_until).toISOString() };
    },
  }),
];

function nextPath({ settings }: Services, wanted: string | null, org: string | null): string {
  const path = localPath(wanted, settings.url);
  return path ?? (org === null ? "/organizations" : "/");
}

function handed<Options>({ nonce, options }: Handout<Options>): JsonObject {
  // Plain JSON by its type's own name: WebAuthn's JSON forms.
  return { nonce, options: options as unknown as JsonObject };
}

const ORGANIZATIONS_PATH = "/organizations";

interface Data {
  readonly orgs: readonly OrgOfAccount[];
  /** Whether the session looks at an org that its person is no member of any more. */
  readonly left: boolean;
  readonly current: string | null;
  readonly email: string;
}

const shared = {
  title: "Organizations",
  load: async (call: AccountCall): Promise<Data> => {
    const { services, session: { record: { org: current } } } = call;
    const orgs = await orgsOf(services, call.account);
    const left = current !== null && orgs.every(({ id }) => id !== current);
    return { orgs, left, current, email: await signedInEmail(call) ?? "" };
  },
  view: Organizations,
};

/** Where a person chooses among their orgs, and lands when the one they looked at is theirs no more. */
export const organizationsPage = accountPage({
  path: ORGANIZATIONS_PATH,
  ...shared,
  actions: {
    make_org: action(
      z.strictObject({ organization: text(z.string()) }),
      async ({ services, session, client }: AccountCall, { organization }) => {
        const { name } = await makeOrg(services, session, organization, client);
        return { to: "/", notice: `${name} is made, and you are its owner.` };
      },
    ),
  },
});

/** Takes the choice, from here and from the frame of every page. */
export const switchOrgPage = accountPage({
  path: "/switch-org",
  ...shared,
  actions: {
    switch_org: action(
      z.strictObject({ org: text(z.string().max(64)) }),
      async ({ services, session, client }: AccountCall, { org }) => {
        await switchOrg(services, session, org, client);
        return { to: "/" };
      },
    ),
  },
});

function Organizations({ data: { orgs, left, current, email }, attempt }: View<Data>) {
  return (
    <Bare
      title={orgs.length === 0 ? "You are in no organization" : "Choose an organization"}
      lead={
        <>
          You are signed in as <UntrustedText text={email} />.
        </>
      }
      foot={<a href={DELETE_ACCOUNT_PATH}>Delete your account</a>}
    >
      <Refused attempt={attempt} shown="" />
      {left && (
        <Notice tone="warning">
          Your membership of the organization that you were looking at has ended.
        </Notice>
      )}
      {orgs.length === 0 && (
        <p>
          Ask an owner or admin for an invitation to{" "}
          {email}, and open its link in this browser. An account in no organization is deleted a
          week after its last sign-in.
        </p>
      )}
      {orgs.map(({ id, name, role }) => (
        <Form key={id} do="switch_org" action="/switch-org" hidden={{ org: id }}>
          <Button variant={id === current ? "primary" : "secondary"} icon="building">
            <span>
              <UntrustedText text={name} /> <span class="small">{role}</span>
            </span>
          </Button>
        </Form>
      ))}
      <MakeOrg attempt={attempt} />
      <Form do="sign_out" action="/sign-out">
        <Button variant="quiet" icon="sign_out">Sign out</Button>
      </Form>
    </Bare>
  );
}

function MakeOrg({ attempt }: { readonly attempt: Attempt | null }) {
  const form = attempted(attempt, "make_org");
  return (
    <Disclosure summary="Make another organization" open={form.errors.length > 0}>
      <Form do="make_org" action={ORGANIZATIONS_PATH} layout="stack">
        <FieldErrors errors={form.errors} />
        <TextField
          name="organization"
          label="Name of the organization"
          hint="It has rules, members and a log of its own. You become its owner."
          autoComplete="organization"
          maxLength={100}
          value={form.value("organization")}
          error={form.error("organization")}
          required
        />
        <FormActions>
          <Button icon="plus">Make it</Button>
        </FormActions>
      </Form>
    </Disclosure>
  );
}
