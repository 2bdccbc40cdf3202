import { z } from "zod";
import { Bare } from "../../components/bare.tsx";
import { Button } from "../../components/button.tsx";
import { Form } from "../../components/form.tsx";
import { signOut } from "../../lib/people/sign_out.ts";
import type { BrowserCall } from "../dashboard/browser_call.ts";
import { optional } from "../dashboard/form.ts";
import { action, publicPage } from "../dashboard/page.ts";

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
