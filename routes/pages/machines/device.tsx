import { z } from "zod";
import { Badge } from "../../../components/badges.tsx";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Definitions, EmptyState, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Deadline } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import Device from "../../../islands/device.tsx";
import type { JsonValue } from "../../../lib/base/json.ts";
import { pagePath } from "../../../lib/base/page_path.ts";
import { sourceOf } from "../../../lib/identity/limits.ts";
import {
  beginLetIn,
  denyLogin,
  letIn,
  seeLogin,
  type SeenLogin,
} from "../../../lib/oauth/let_in.ts";
import { assertionResponse } from "../../../lib/passkeys/responses.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import { GIVES } from "../../../lib/store/records/device.ts";
import { attempted, type AttemptedForm } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { AnyOf } from "../quickstart/skill.tsx";

/** Longer than any code with whatever groups it: what it means is asked elsewhere. */
const userCode = z.string().min(1, "must be the code that the terminal shows").max(64);

const typed = z.strictObject({ user_code: text(userCode) });

interface Data {
  readonly org_name: string;
  /** Members who may let a computer in; null for one of them. */
  readonly askWhom: readonly string[] | null;
}

/**
 * Where a person types the code that a terminal shows. No link brings one along: whoever sends
 * somebody here has to get them to type it, and the page then says who asks and from where.
 */
export const devicePage = memberPage({
  path: "/device",
  title: "Let a computer in",
  section: "agents",
  needs: "read",
  width: "narrow",
  load: async (call): Promise<Data> =>
    await call.transact({
      plan: ({ snapshot }, caller) => ({
        org_name: snapshot.org.name,
        askWhom: hasRight(caller.role, "configure") ? null : [...snapshot.members.values()]
          .filter(({ role, account }) => account !== null && hasRight(role, "configure"))
          .map(({ email }) => email),
      }),
    }),
  view: ({ data: { org_name, askWhom }, attempt }) => (
    <>
      <Header org_name={org_name} />
      {askWhom === null
        ? <CodeForm form={attempted(attempt, attempt?.do ?? "look")} />
        : (
          <EmptyState icon="shield" title="For owners and admins">
            What a computer gets acts for <UntrustedText text={org_name} />.{" "}
            {askWhom.length > 0 && (
              <>
                Ask <AnyOf people={askWhom} /> to type its code on this page.
              </>
            )}
          </EmptyState>
        )}
    </>
  ),
  actions: {
    look: action(typed, async (call: MemberCall<unknown, unknown>, { user_code }) => {
      const { services, client, now } = call;
      const login = await call.transact(seeLogin(services, user_code), "configure");
      return {
        title: "Let a computer in",
        show: <Asking login={login} own={client.ip} now={now} />,
      };
    }, "configure"),
    deny: action(typed, async (call: MemberCall<unknown, unknown>, { user_code }) => {
      const { services, client } = call;
      await call.transact(denyLogin(services, user_code, client), "configure");
      return { to: pagePath("/device"), notice: "Denied. The terminal is told, and gets nothing." };
    }, "configure"),
  },
});

/** What the page's own script asks for. */
export const deviceEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "post",
    path: "/device/statement",
    needs: "configure",
    body: z.strictObject({ user_code: userCode }),
    async handle({ services, org, session, body }) {
      const { nonce, options } = await beginLetIn(services, { org, session }, body.user_code);
      // Plain JSON by its type's own name: WebAuthn's JSON forms.
      return { nonce, options: options as unknown as JsonValue };
    },
  }),
  memberEndpoint({
    method: "post",
    path: "/device/allow",
    needs: "configure",
    body: z.strictObject({
      nonce: z.string().max(64),
      user_code: userCode,
      gives: z.enum(GIVES),
      response: assertionResponse,
    }),
    async handle({ services, org, session, body, client }) {
      const { name } = await letIn(services, { org, session }, body, client);
      return { name };
    },
  }),
];

function Header({ org_name }: { readonly org_name: string }) {
  return (
    <PageHeader
      title="Let a computer in"
      breadcrumb={[{ label: "Agents", href: pagePath("/agents") }]}
      description={
        <>
          For a terminal that says{" "}
          <code class="mono">countersign login</code>. What it gets acts for{" "}
          <UntrustedText text={org_name} />.
        </>
      }
    />
  );
}

function CodeForm({ form }: { readonly form: AttemptedForm }) {
  return (
    <Form do="look" layout="stack">
      <FieldErrors errors={form.errors} />
      <TextField
        name="user_code"
        label="Code"
        hint="Eight letters, as the terminal in front of you shows them. Type none that somebody sent you."
        error={form.error("user_code")}
        value={form.value("user_code")}
        maxLength={32}
        autoComplete="off"
        spellcheck={false}
        mono
        required
      />
      <FormActions>
        <Button variant="primary">Show who asks</Button>
      </FormActions>
    </Form>
  );
}

/** Who asks, and what to think of before saying yes. */
function Asking({ login, own, now }: {
  readonly login: SeenLogin;
  /** Where this browser asks from; null where it is not known. */
  readonly own: string | null;
  readonly now: number;
}) {
  const { user_code, name, address, expires_at, org, org_name, member } = login;
  return (
    <>
      <Header org_name={org_name} />
      <Notice tone="warning" title="Whoever holds that terminal gets the secret" live={false}>
        Go on only if you have just begun this yourself, and the terminal in front of you shows this
        very code. Nobody of Countersign ever asks you to type one.
      </Notice>
      <Section title="Who asks">
        <Definitions
          items={[
            { term: "Code", value: <strong class="mono">{user_code}</strong> },
            { term: "Calls itself", value: <UntrustedText text={name} /> },
            {
              term: "Asked from",
              value: (
                <span class="badges">
                  {address === null ? "Not known" : <UntrustedText text={address} mono />}
                  <Whence address={address} own={own} />
                </span>
              ),
            },
            { term: "Organization", value: <UntrustedText text={org_name} /> },
            { term: "Code expires", value: <Deadline until={expires_at} now={now} /> },
          ]}
        />
      </Section>
      <Section
        title="Let it in"
        description="You answer for what it asks. Its secret ends with the agent or key, at any time."
      >
        <Device facts={{ org, member, user_code, name, address }} />
        <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
        <Form do="deny" action={pagePath("/device")} hidden={{ user_code }}>
          <FormActions>
            <Button>Deny: this isn't mine</Button>
          </FormActions>
        </Form>
      </Section>
    </>
  );
}

/** Whether a computer asked from where its person sits: of one that did not, they are to make sure. */
function Whence(
  { address, own }: { readonly address: string | null; readonly own: string | null },
) {
  if (address === null || own === null) return null;
  return sourceOf(address) === sourceOf(own)
    ? <Badge tone="success" icon="check">as this browser</Badge>
    : <Badge tone="warning" icon="warning">not as this browser</Badge>;
}
