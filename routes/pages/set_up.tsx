import { z } from "zod";
import { SESSION_LIFE_MS } from "../../lib/identity/sessions.ts";
import { type EnrolmentStep, linkStep } from "../../lib/people/enrolment_step.ts";
import { seeSetUpLink, type SetUp } from "../../lib/people/links.ts";
import {
  acceptSetUp,
  confirmSetUpCode,
  finishSetUp,
  sendSetUpCode,
} from "../../lib/people/set_up.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { BrowserCall } from "../dashboard/browser_call.ts";
import { optional } from "../dashboard/form.ts";
import { action, publicPage } from "../dashboard/page.ts";
import {
  ceremonyQuery,
  codeForm,
  passkeyForm,
  PasskeyStep,
  Progress,
  RecoveryCodesPage,
  storedForm,
} from "./account/enrolment_parts.tsx";
import {
  AcceptStep,
  AddressStep,
  AFTER_SET_UP,
  CodeStep,
  Done,
  SET_UP_STEPS,
  setUpPath,
} from "./account/set_up.tsx";
import { accountEmail, signedInEmail } from "./account_email.ts";

const byLink = z.object({ link: z.string().max(128) });

type Call = BrowserCall<z.output<typeof byLink>, z.output<typeof ceremonyQuery>>;

const address = z.strictObject({
  organization: optional(z.string()),
  email: optional(z.string()),
});

const orgOnly = z.strictObject({ organization: optional(z.string()) });

/** What the page shows; null once the link has done its work for whoever is signed in. */
type Seen = { readonly setUp: SetUp; readonly step: EnrolmentStep; readonly link: string } | null;

interface Data {
  readonly seen: Seen;
  /** Of whoever is signed in. */
  readonly email: string | null;
}

export const setUpPage = publicPage({
  path: "/set-up/:link",
  params: byLink,
  query: ceremonyQuery,
  title: "Set up Countersign",
  load: async (call: Call): Promise<Data> => ({
    seen: await see(call),
    email: await signedInEmail(call),
  }),
  view: ({ data: { seen, email }, attempt }) =>
    seen === null
      ? <Done />
      : email !== null
      ? <AcceptStep setUp={seen.setUp} email={email} attempt={attempt} link={seen.link} />
      : seen.step.at === "passkey"
      ? (
        <PasskeyStep
          attempt={attempt}
          step={seen.step}
          progress={<Progress step={3} of={SET_UP_STEPS} />}
          again={setUpPath(seen.link)}
        />
      )
      : seen.step.at === "code"
      ? <CodeStep sent={seen.step.sent} attempt={attempt} link={seen.link} />
      : <AddressStep setUp={seen.setUp} attempt={attempt} link={seen.link} />,
  actions: {
    send_code: action(address, async (call: Call, { organization, email }) => {
      const { params: { link }, flow } = call;
      await sendSetUpCode(call.services, { link, flow, organization, email }, call.client);
      return { to: setUpPath(link) };
    }),
    confirm_code: action(codeForm, async (call: Call, { code }) => {
      const { params: { link }, flow } = call;
      const { nonce } = await confirmSetUpCode(call.services, { link, flow, code }, call.client);
      return { to: `${setUpPath(link)}?passkey=${nonce}` };
    }),
    finish: action(passkeyForm, async (call: Call, { nonce, response }) => {
      const { params: { link }, flow, services } = call;
      const given = { link, flow, nonce, response };
      const entered = await finishSetUp(services, given, call.client);
      call.signIn(entered.secret, SESSION_LIFE_MS / 1000);
      return {
        title: "Store your recovery codes",
        show: (
          <RecoveryCodesPage
            codes={entered.recovery_codes}
            email={await accountEmail(services, entered.session.account)}
            origin={services.settings.url.origin}
            progress={<Progress step={4} of={SET_UP_STEPS} />}
            next={{ label: "Send yourself a request", action: AFTER_SET_UP, do: "sample" }}
          />
        ),
      };
    }),
    stored: action(storedForm, () => Promise.resolve({ to: AFTER_SET_UP })),
    accept: action(orgOnly, async (call: Call, { organization }) => {
      const { params: { link }, session, services } = call;
      if (session === null) throw new Refusal("session_ended", { why: "none" });
      await acceptSetUp(services, session, { link, organization }, call.client);
      return { to: AFTER_SET_UP, notice: "You are an owner of this organization." };
    }),
  },
});

async function see(call: Call): Promise<Seen> {
  const { services, flow, params: { link }, query: { passkey: nonce = null, again } } = call;
  try {
    const setUp = await seeSetUpLink(services, link);
    const { email } = setUp;
    const step: EnrolmentStep = again === "1"
      ? { at: "start" }
      : await linkStep(services, { link, flow, nonce, email });
    return { setUp, step, link };
  } catch (error) {
    const used = error instanceof Refusal && error.code === "link_not_valid";
    if (used && call.session !== null) return null;
    throw error;
  }
}
