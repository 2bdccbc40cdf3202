import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import Enrol from "../../../islands/enrol.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import { addPasskey, beginAddPasskey } from "../../../lib/people/passkeys.ts";
import type { AccountCall } from "../../dashboard/browser_call.ts";
import { optional } from "../../dashboard/form.ts";
import { accountPage, action } from "../../dashboard/page.ts";
import { localPath } from "../../http/headers.ts";
import { passkeyForm, Refused } from "./enrolment_parts.tsx";
import { ADD_PASSKEY_PATH, SECURITY_PATH } from "./security_tables.tsx";

const query = z.object({ to: z.string().optional() });

type Call = AccountCall<unknown, z.output<typeof query>>;

/** A further passkey; `to` is where somebody goes on who is offered one after signing in. */
export const newPasskeyPage = accountPage({
  path: ADD_PASSKEY_PATH,
  title: "Add a passkey",
  query,
  load: async (call: Call) => ({
    handout: await beginAddPasskey(call.services, call.session),
    offeredFrom: whereTo(call),
  }),
  view: ({ data: { handout: { nonce, options }, offeredFrom }, attempt }) => (
    <Bare
      title={offeredFrom === null ? "Add a passkey" : "Add a passkey on this device?"}
      lead={offeredFrom === null
        ? "Your browser offers this device, a synced keychain, a security key, or your phone by a QR code."
        : "You signed in with a passkey of another device. With one of its own you need no other the next time. Do it only on a device that is yours."}
      foot={<a href={offeredFrom ?? SECURITY_PATH}>{offeredFrom === null ? "Back" : "Not now"}</a>}
    >
      <Refused attempt={attempt} shown="" />
      <Enrol
        do="add"
        nonce={nonce}
        options={options as unknown as JsonObject}
        label="Create passkey"
        named
      />
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  ),
  actions: {
    add: action(
      passkeyForm.extend({ name: optional(z.string()) }),
      async (call: Call, { nonce, response, name }) => {
        const { services, session, client } = call;
        await addPasskey(services, session, { nonce, response, name }, client);
        return { to: whereTo(call) ?? SECURITY_PATH, notice: "The passkey is added." };
      },
    ),
  },
});

function whereTo({ query: { to }, services }: Call): string | null {
  return localPath(to ?? null, services.settings.url);
}
