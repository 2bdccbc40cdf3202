import { z } from "zod";
import { Bare } from "../../components/bare.tsx";
import { ButtonLink } from "../../components/button.tsx";
import { Notice } from "../../components/notice.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import SignIn from "../../islands/sign_in.tsx";
import { publicPage } from "../dashboard/page.ts";
import { localPath } from "../local_path.ts";
import { signedInEmail } from "./account_email.ts";

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
