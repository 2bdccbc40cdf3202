import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { UntrustedText } from "../../../components/untrusted_text.tsx";
import { deleteAccount } from "../../../lib/leaving/person.ts";
import { invalidRequest } from "../../../lib/refusal.ts";
import type { AccountCall } from "../../dashboard/browser_call.ts";
import { text } from "../../dashboard/form.ts";
import { accountPage, action } from "../../dashboard/page.ts";
import { signedInEmail } from "../account_email.ts";
import { DeleteAccountForm } from "../delete_account_form.tsx";
import { DELETE_ACCOUNT_PATH } from "../security_paths.ts";

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
          end at once, personal data goes within 30 days. What the logs hold of your decisions
          stays, without your name.
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
