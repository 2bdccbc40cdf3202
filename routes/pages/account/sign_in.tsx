import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button } from "../../../components/button.tsx";
import { Disclosure } from "../../../components/disclosure.tsx";
import { FieldErrors } from "../../../components/field_errors.tsx";
import { TextField } from "../../../components/fields.tsx";
import { Form, FormActions } from "../../../components/form.tsx";
import { Notice } from "../../../components/notice.tsx";
import { UntrustedText } from "../../../components/untrusted_text.tsx";
import { makeOrg } from "../../../lib/people/make_org.ts";
import { type OrgOfAccount, orgsOf, switchOrg } from "../../../lib/people/switch_org.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { AccountCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { accountPage, action, type Attempt, type View } from "../../dashboard/page.ts";
import { signedInEmail } from "../account_email.ts";
import { DELETE_ACCOUNT_PATH } from "../security_paths.ts";
import { Refused } from "./enrolment_parts.tsx";

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
