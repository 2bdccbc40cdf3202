import type { Mail } from "../mail/mailer.ts";
import type { Services } from "../services.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import { visibleLine } from "../text/visible_text.ts";

/** The mail with a code. It has no link: a code is for the browser that asked for it. */
export function codeLetter(to: string, code: string, origin: string): Mail {
  return {
    to,
    subject: `${code} is your Countersign code`,
    text: `Your code is ${code}

Type it into the page that asked for it, in the same browser, within five minutes. It lets you make
your first passkey for ${origin}.

Did you not ask for it? Then somebody else has your link: tell nobody the code.
`,
  };
}

/** The mail in place of a code for somebody who needs none. */
export function signInLetter(to: string, origin: string): Mail {
  return {
    to,
    subject: "You have a passkey for Countersign already",
    text: `A code was asked for your address, which has an account at ${origin}.

You need none: sign in with your passkey, then open the link that you were given once more.

Did you not ask for it? Then there is nothing to do: no code was made.
`,
  };
}

/** The mail that invites somebody into an org. */
export function invitationLetter(
  { to, link, organization, role, invited_by }: {
    readonly to: string;
    readonly link: string;
    readonly organization: string;
    readonly role: MemberRecord["role"];
    /** The address of whoever invites. */
    readonly invited_by: string;
  },
): Mail {
  const name = visibleLine(organization);
  return {
    to,
    subject: `${invited_by} invites you to ${name} on Countersign`,
    text: `${invited_by} invites you to the organization "${name}" as ${role}.

Accept within seven days:

  ${link}

The link is for your address only and works once. If you do not know ${invited_by}, leave it alone.
`,
  };
}

/**
 * Hands a mail over without making anybody wait for it: an answer that took as long as the mail
 * server would tell whether there was something to send.
 */
export function post({ deps }: Pick<Services, "deps">, letter: Mail): void {
  void deps.mail.send(letter).catch((error: unknown) => {
    deps.log("error", "A mail was not sent", { error: String(error) });
  });
}
