import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Button } from "../../../components/button.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form } from "../../../components/form.tsx";
import { SheetActions } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { deleteAccount } from "../../../lib/leaving/person.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import { attempted } from "../../dashboard/attempted.ts";
import { type AccountCall, signedInEmail } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { accountPage, action, type Attempt } from "../../dashboard/page.ts";
import { DELETE_ACCOUNT_PATH } from "./security_tables.tsx";

/** The end of an account, for who is in an org and for who is in none. */
export const deleteAccountPage = accountPage({
  path: DELETE_ACCOUNT_PATH,
  title: "Delete your account",
  load: async (call) => ({ email: await signedInEmail(call) ?? "" }),
  view: ({ data: { email }, attempt }) => (
    <Bare
      title="Delete your account"
      lead={
        <>
          All memberships, passkeys and sessions of <UntrustedText text={email} />{" "}
          end at once, personal data goes within 30{"\u00a0"}days. What the logs hold of your
          decisions stays, without your name.
        </>
      }
      foot={<a href="/">Keep it</a>}
    >
      <DeleteAccountForm attempt={attempt} />
    </Bare>
  ),
  actions: {
    delete_account: action(
      z.strictObject({ email: text(z.string()) }),
      async (call: AccountCall, { email: typed }) => {
        const email = await signedInEmail(call);
        if (typed.toLowerCase() !== email) {
          throw invalidRequest("/email", `must be your address, ${email}`);
        }
        await deleteAccount(call.services, call.session, call.client);
        call.signOut();
        return { to: "/sign-in", notice: "Your account is deleted." };
      },
    ),
  },
});

/** Takes the address of the person as the sign that they mean it. */
export function DeleteAccountForm({ attempt }: { readonly attempt: Attempt | null }) {
  const form = attempted(attempt, "delete_account");
  return (
    <Form do="delete_account" layout="stack" action={DELETE_ACCOUNT_PATH}>
      <FieldErrors errors={form.errors} />
      <TextField
        name="email"
        label="Type your e-mail address to confirm"
        type="email"
        autoComplete="off"
        value={form.value("email")}
        error={form.error("email")}
        required
      />
      <SheetActions>
        <Button variant="danger">Delete my account</Button>
      </SheetActions>
    </Form>
  );
}
