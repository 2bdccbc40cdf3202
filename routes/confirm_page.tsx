import { Bare } from "../components/bare.tsx";
import { UntrustedText } from "../components/untrusted_text.tsx";
import StepUp from "../islands/step_up.tsx";
import type { FormValues } from "./dashboard/page.ts";

const WAITING = "waiting";

/** What waits for a passkey. */
export interface Unconfirmed {
  /** What it is for, in sentences. */
  readonly what: string;
  /** Where it goes afterwards. */
  readonly action: string;
  /** What the form sent; null when a page is to be loaded again. */
  readonly fields: FormValues | null;
}

/** Asks for the passkey once more, holding what was sent, and sends it again afterwards. */
export function ConfirmPage({ what, action, fields }: Unconfirmed) {
  return (
    <Bare
      title="Confirm it is you"
      lead={<UntrustedText text={what} />}
      foot={<a href={action}>Go back without doing it</a>}
    >
      {fields !== null && (
        <form id={WAITING} method="post" action={action} hidden>
          {Object.entries(fields).flatMap(([name, values]) =>
            values.map((value) => (
              // A text area keeps line ends that an input would take out.
              <textarea key={`${name} ${value}`} name={name}>{`\n${value}`}</textarea>
            ))
          )}
        </form>
      )}
      <StepUp form={fields === null ? null : WAITING} />
      <noscript>Passkeys need JavaScript. Allow it for this page, then load it again.</noscript>
    </Bare>
  );
}
