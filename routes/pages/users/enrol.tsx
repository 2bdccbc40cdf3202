import { z } from "zod";
import { Bare } from "../../../components/bare.tsx";
import { Notice } from "../../../components/layout.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import Enrol from "../../../islands/enrol.tsx";
import type { JsonObject } from "../../../lib/base/json.ts";
import {
  finishEnrolment,
  seeEnrolment,
  type SeenEnrolment,
} from "../../../lib/confirming/enrolment.ts";
import type { BrowserCall } from "../../dashboard/browser_call.ts";
import { action, publicPage } from "../../dashboard/page.ts";
import { passkeyForm } from "../account/enrolment_parts.tsx";

const byLink = z.object({ link: z.string().max(64) });

type Call = BrowserCall<z.output<typeof byLink>>;

interface Data {
  /** Null for a link that is used, over, or none. */
  readonly seen: SeenEnrolment | null;
  readonly link: string;
}

/** A user makes the passkey by which they say yes to what agents do for them. */
export const userEnrolmentPage = publicPage({
  path: "/enrol/:link",
  params: byLink,
  title: "Make your passkey",
  load: async ({ services, params: { link } }: Call): Promise<Data> => ({
    seen: await seeEnrolment(services, link),
    link,
  }),
  view: ({ data: { seen, link }, attempt }) =>
    seen === null
      ? (
        <Bare
          title="This link has ended"
          lead="It serves once, for fifteen minutes. Ask the application for a new one."
        >
          <p>Nothing was changed.</p>
        </Bare>
      )
      : (
        <Bare
          title="Make your passkey"
          lead={
            <>
              With it you say yes to what agents want to do for you at{" "}
              <strong>
                <UntrustedText text={seen.org_name} />
              </strong>, as{" "}
              <UntrustedText text={seen.user_id} mono />: by fingerprint, face or the PIN of this
              device.
            </>
          }
          foot="Make it only where the application sent you here itself. Once you have one, nothing else says yes for you."
        >
          {attempt !== null && <Notice tone="danger">{attempt.message}</Notice>}
          {seen.count > 0 && (
            <p class="quiet">
              {seen.count === 1 ? "One passkey speaks" : `${seen.count} passkeys speak`}{" "}
              for you already, and goes on to.
            </p>
          )}
          <Enrol
            do="finish"
            nonce={link}
            options={seen.options as unknown as JsonObject}
            label="Make passkey"
            named={false}
          />
          <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
        </Bare>
      ),
  actions: {
    finish: action(passkeyForm, async ({ services, params, client }: Call, { response }) => {
      await finishEnrolment(services, params.link, response, client.request_id);
      return { title: "Your passkey is made", show: <Made /> };
    }),
  },
});

function Made() {
  return (
    <Bare
      title="Your passkey is made"
      lead="From now on you are asked for it. It answers what is asked after this moment."
    >
      <p>You can close this page, and go back to the application.</p>
    </Bare>
  );
}
