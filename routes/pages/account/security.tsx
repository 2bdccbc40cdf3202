import { z } from "zod";
import { Button, ButtonLink } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { DangerSection, EmptyState, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import KeysSwitch from "../../../components/shortcuts.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { MAX_PERSON_NAME } from "../../../lib/base/person.ts";
import { passkeysOf } from "../../../lib/identity/passkeys.ts";
import { existingMember, nameOneself } from "../../../lib/people/members.ts";
import {
  CODES_A_SET,
  recoveryCodesLeft,
  regenerateRecoveryCodes,
} from "../../../lib/people/recovery_codes.ts";
import {
  endSessionOf,
  sessionsOf,
  type SignedOutEverywhere,
  signOutEverywhere,
} from "../../../lib/people/sessions.ts";
import type { PasskeyRecord, SessionRecord } from "../../../lib/store/records/people.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { optional, text } from "../../dashboard/form.ts";
import { action, memberPage, type View } from "../../dashboard/page.ts";
import { DeleteAccountForm } from "./delete_account.tsx";
import { Refused, StoreCodes, storedForm, WhatCodesAreFor } from "./enrolment_parts.tsx";
import {
  ADD_PASSKEY_PATH,
  PasskeysTable,
  SECURITY_PATH,
  SessionsTable,
} from "./security_tables.tsx";

/** Sessions that the page lists. */
const LISTED = 50;

const FEW_CODES = 3;

const nothing = z.strictObject({});

interface Data {
  readonly email: string;
  /** What they call themselves in the org that they look at. */
  readonly name: string | null;
  readonly passkeys: readonly PasskeyRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly current: SessionRecord;
  readonly codesLeft: number;
  /** The host that passkeys must be made for. */
  readonly host: string;
}

/** A person's own way in: passkeys, sessions, recovery codes, and the end of the account. */
export const securityPage = memberPage({
  path: SECURITY_PATH,
  title: "Security",
  section: "security",
  needs: "see_requests",
  load: async (call): Promise<Data> => {
    const { services, account, session } = call;
    const { deps, settings } = services;
    const member = await call.transact({
      plan: (transaction, { email }) => existingMember(transaction, email),
    });
    return {
      email: member.email,
      name: member.name,
      passkeys: await passkeysOf(deps.kv, account),
      sessions: (await sessionsOf(deps, account)).map(({ record }) => record),
      current: session.record,
      codesLeft: await recoveryCodesLeft(services, account),
      host: settings.url.hostname,
    };
  },
  view: Security,
  actions: {
    name: action(
      z.strictObject({ name: optional(z.string().max(200, "is longer than any name")) }),
      async (call: MemberCall, { name }) => {
        await call.transact(nameOneself(name, call.id));
        return { to: SECURITY_PATH, notice: "Your name is saved." };
      },
    ),
    end_session: action(
      z.strictObject({ session: text(z.string().max(64)) }),
      async (call: MemberCall, { session: id }) => {
        await endSessionOf(call.services, call.session, id, call.client);
        if (id === call.session.record.id) call.signOut();
        return { to: SECURITY_PATH, notice: "The session has ended." };
      },
    ),
    end_others: action(nothing, async (call: MemberCall) => {
      const done = await signOutEverywhere(call.services, call.session, call.client);
      const left = Math.ceil((done.record.expires_at - call.now) / 1000);
      call.signIn(done.secret, Math.max(1, left));
      return { to: SECURITY_PATH, notice: endedWords(done) };
    }),
    new_codes: action(nothing, async ({ services, session, client, caller }: MemberCall) => {
      const codes = await regenerateRecoveryCodes(services, session, client);
      return {
        title: "Your new recovery codes",
        show: (
          <>
            <PageHeader title="Your new recovery codes" description={<WhatCodesAreFor />} />
            <Section title="Ten codes, each for once">
              <StoreCodes
                codes={codes}
                email={caller.email}
                origin={services.settings.url.origin}
              />
            </Section>
          </>
        ),
      };
    }),
    stored: action(storedForm, () => Promise.resolve({ to: SECURITY_PATH })),
  },
});

function Security({ data, attempt, now }: View<Data>) {
  const { email, passkeys, sessions, current, codesLeft, host } = data;
  return (
    <>
      <PageHeader
        title="Security"
        description={
          <>
            How you, <UntrustedText text={email} />, get in.
          </>
        }
      />
      <Refused attempt={attempt} shown="name" />
      <NameSection name={data.name} attempt={attempt} />
      <Section
        title="Passkeys"
        description="What you sign in with, and sign your decisions with."
        actions={
          <ButtonLink href={ADD_PASSKEY_PATH} icon="passkey" size="small">Add a passkey</ButtonLink>
        }
      >
        <div class="stack">
          <Nudge passkeys={passkeys.filter(({ rp_id }) => rp_id === host)} />
          <PasskeysTable passkeys={passkeys} current={current} host={host} now={now} />
        </div>
      </Section>
      <Section
        title="Recovery codes"
        description="For the day on which you have lost every passkey. Each works once."
      >
        <div class="stack">
          {codesLeft === 0
            ? (
              <EmptyState icon="lock" title="No recovery code left">
                Make new ones now, as long as you can sign in.
              </EmptyState>
            )
            : (
              <p>
                <strong>{`${codesLeft} of ${CODES_A_SET}`}</strong> are left.
                {codesLeft <= FEW_CODES && " Make new ones soon."} New ones void the old.
              </p>
            )}
          <Form do="new_codes">
            <Button>Make new codes</Button>
          </Form>
        </div>
      </Section>
      <Section
        title="Sessions"
        description="Browsers in which you are signed in. A session ends after 12 hours without use, and
          after a week in any case."
        actions={
          <Form do="end_others">
            <Button size="small">Sign out everywhere else</Button>
          </Form>
        }
      >
        <p class="small quiet">
          Signing out everywhere else also ends what a session may have left: browsers that take
          pushes, this one too, programs that act for you, and your choice of alerts. A copy of this
          session stops working as well.
        </p>
        <SessionsTable sessions={sessions.slice(0, LISTED)} current={current} now={now} />
        {sessions.length > LISTED && (
          <p class="small quiet">{`${sessions.length - LISTED} more aren't listed.`}</p>
        )}
      </Section>
      <Section
        title="Keyboard"
        description="Single keys, such as d to deny and ? for all of them. None approves."
      >
        <KeysSwitch />
      </Section>
      <DangerSection
        id="delete"
        title="Delete your account"
        description="Your memberships, passkeys and sessions end at once, your personal data goes within
          30 days. What the logs hold of your decisions stays, without your name."
      >
        <DeleteAccountForm attempt={null} />
      </DangerSection>
    </>
  );
}

function NameSection({ name, attempt }: Pick<Data, "name"> & Pick<View<Data>, "attempt">) {
  const form = attempted(attempt, "name");
  return (
    <Section title="Name">
      <Form do="name" layout="stack">
        <FieldErrors errors={form.errors} />
        <TextField
          name="name"
          label="What colleagues call you"
          hint="Stands beside your address in this organization, never in its place."
          value={form.value("name", name)}
          error={form.error("name")}
          maxLength={MAX_PERSON_NAME}
          autoComplete="name"
          optional
        />
        <div>
          <Button>Save name</Button>
        </div>
      </Form>
    </Section>
  );
}

/** `Ended: 2 other sessions, 1 browser for pushes, no connected program.` */
function endedWords({ sessions, browsers, connections }: SignedOutEverywhere): string {
  const counted = (count: number, one: string) =>
    count === 0 ? `no ${one}` : count === 1 ? `1 ${one}` : `${count} ${one}s`;
  return `Ended: ${counted(sessions, "other session")}, ${counted(browsers, "browser")} for ` +
    `pushes, ${counted(connections, "connected program")}.`;
}

/** One passkey on one device is one lost device away from a recovery. */
function Nudge({ passkeys }: { readonly passkeys: readonly PasskeyRecord[] }) {
  const [first, second] = passkeys;
  if (first === undefined || second !== undefined || first.backed_up) return null;
  return (
    <Notice
      tone="warning"
      live={false}
      title="Your only passkey is on one device"
      actions={<ButtonLink href={ADD_PASSKEY_PATH} size="small">Add a second one</ButtonLink>}
    >
      If that device is lost, you need a recovery code to get back in. Add one on another device, or
      one that is synced.
    </Notice>
  );
}
