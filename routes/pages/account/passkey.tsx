import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { DangerSection, Definitions, Section, SheetActions } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Time } from "../../../components/time.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { passkeysOf } from "../../../lib/identity/passkeys.ts";
import { removePasskey, renamePasskey } from "../../../lib/people/passkeys.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { attempted } from "../../dashboard/attempted.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { action, memberPage } from "../../dashboard/page.ts";
import { Refused } from "./enrolment_parts.tsx";
import { PasskeyMarks, SECURITY_PATH } from "./security_tables.tsx";

const byId = z.object({ id: z.string().max(1400) });

type Call = MemberCall<z.output<typeof byId>>;

/** One passkey of whoever is signed in. */
export const passkeyPage = memberPage({
  path: "/security/passkeys/:id",
  section: "security",
  needs: "see_requests",
  width: "narrow",
  params: byId,
  load: async (call) => {
    const { services: { deps, settings }, account, session, params: { id } } = call;
    await call.transact({ plan: () => null });
    const passkeys = await passkeysOf(deps.kv, account);
    const passkey = passkeys.find(({ credential_id }) => credential_id === id);
    if (passkey === undefined) {
      throw new Refusal("not_found", { what: "such a passkey of yours" });
    }
    const host = settings.url.hostname;
    return {
      passkey,
      host,
      own: session.record.credential_id === id,
      isLast: !passkeys.some(({ credential_id, rp_id }) => credential_id !== id && rp_id === host),
    };
  },
  title: "Passkey",
  view: ({ data: { passkey, host, own, isLast }, attempt, now }) => {
    const form = attempted(attempt, "rename");
    return (
      <>
        <PageHeader
          title={<UntrustedText text={passkey.name} />}
          breadcrumb={[{ label: "Security", href: SECURITY_PATH }]}
          badges={<PasskeyMarks passkey={passkey} host={host} own={own} />}
        />
        <Refused attempt={attempt} shown="rename" />
        <Section title="Details">
          <Definitions
            items={[
              { term: "Added", value: <Time at={passkey.created_at} now={now} /> },
              {
                term: "Last used",
                value: passkey.last_used_at === null
                  ? "Not yet"
                  : <Time at={passkey.last_used_at} now={now} />,
              },
            ]}
          />
          <Form do="rename" layout="stack">
            <FieldErrors errors={form.errors} />
            <TextField
              name="name"
              label="Name"
              hint="Only you see it."
              maxLength={60}
              value={form.value("name", passkey.name)}
              error={form.error("name")}
              required
            />
            <FormActions>
              <Button variant="primary">Save</Button>
            </FormActions>
          </Form>
        </Section>
        {isLast
          ? (
            <Section title="Remove this passkey">
              <p>It is your only one here. Add another first.</p>
            </Section>
          )
          : (
            <DangerSection
              id="remove"
              title="Remove this passkey"
              open={attempt?.do === "remove"}
              description="It signs nothing any more, and every session that it began or last
                confirmed ends. What it signed before stays valid. Is the device lost? Then sign out
                everywhere else as well: programs that act for you, and browsers that take pushes,
                go on without a passkey."
            >
              <Form do="remove">
                <SheetActions>
                  <Button variant="danger">Remove passkey</Button>
                </SheetActions>
              </Form>
            </DangerSection>
          )}
      </>
    );
  },
  actions: {
    rename: action(z.strictObject({ name: text(z.string()) }), async (call: Call, { name }) => {
      const { services, session, params: { id }, client } = call;
      await renamePasskey(services, session, { credential_id: id, name }, client);
      return { to: SECURITY_PATH, notice: "Saved." };
    }),
    remove: action(z.strictObject({}), async (call: Call) => {
      const { services, session, params: { id }, client } = call;
      const { ended_own } = await removePasskey(services, session, id, client);
      if (!ended_own) return { to: SECURITY_PATH, notice: "The passkey is removed." };
      call.signOut();
      const notice = "The passkey is removed, and with it this session: sign in with another one.";
      return { to: "/sign-in", notice };
    }),
  },
});
