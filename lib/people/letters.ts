import { pagePath } from "../base/page_path.ts";
import { personWords } from "../base/person.ts";
import { visibleLine } from "../base/text.ts";
import type { Mail } from "../deps.ts";
import type { Services } from "../services.ts";
import { dueKey } from "../store/keys.ts";
import type { MemberRecord } from "../store/records/identity.ts";
import type { DueWork } from "../store/records/log.ts";

/**
 * The mails that people get about getting in, and who is told when somebody got in again. None
 * says more than whoever reads the mailbox may know.
 */

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
    /** Whoever invites, with their address. */
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

/** After so long a letter that never got through is given up, milliseconds. */
const GIVE_UP_MS = 24 * 60 * 60 * 1000;

/** Names the letter about a member to an owner, as due work. */
export function letterId(member: string, owner: string): string {
  return `${member} ${owner}`;
}

/**
 * Tells an owner that a member recovered their account.
 * @throws {MailFailed}
 */
export async function tellOwner(services: Services, work: DueWork): Promise<void> {
  const { ledgers, settings } = services;
  const { org, id } = work;
  const [memberId, ownerId] = id.split(" ");
  const letter = await ledgers.transact(org, {
    plan({ snapshot, at: now }): Mail | null {
      if (!snapshot.exists) return null;
      const members = [...snapshot.members.values()];
      const member = members.find((one) => one.id === memberId);
      const owner = members.find((one) => one.id === ownerId);
      if (member === undefined || owner === undefined) return null;
      const organization = snapshot.org.name;
      const { origin } = settings.url;
      return recoveredLetter({ to: owner.email, member, organization, origin, now });
    },
  });
  await sendDueLetter(services, work, letter);
}

/**
 * Sends a letter that is due to an owner, if there is still one to be sent. Tried again with each
 * sweep while the mail server takes nothing, for a day.
 * @throws {MailFailed}
 */
export async function sendDueLetter(
  { deps, ledgers }: Pick<Services, "deps" | "ledgers">,
  { kind, at, org, id }: DueWork,
  letter: Mail | null,
): Promise<void> {
  try {
    if (letter !== null) await deps.mail.send(letter);
  } catch (error) {
    if (deps.now() < at + GIVE_UP_MS) throw error;
    deps.log("error", "A letter to an owner was not sent", { org, kind, error: String(error) });
  }
  await ledgers.transact(org, { plan: (tx) => tx.delete(dueKey(at, kind, org, id)) });
}

/** The mail with a code for somebody who lost their passkeys. */
export function recoveryCodeLetter(to: string, code: string, origin: string): Mail {
  return {
    to,
    subject: `${code} is your Countersign code`,
    text: `Your code is ${code}

Type it into the page that asked for it, in the same browser, within five minutes, together with one
of your recovery codes. It ends your passkeys and sessions at ${origin}
and lets you make a new passkey.

Did you not ask for it? Then somebody else did, and has your recovery codes or tries without: tell
nobody the code. If you still have a passkey, sign in and make new recovery codes under Security.
`,
  };
}

/** The mail to whom an account belongs, once it was recovered. */
export function ownRecoveryLetter(to: string, origin: string): Mail {
  return {
    to,
    subject: "Your Countersign account was recovered",
    text: `The passkeys and sessions of your account at ${origin} have ended, and a new
passkey is being made for it.

Was it not you? Tell an owner of your organization at once: they can remove you from the team until
it is clear who has the account.
`,
  };
}

function recoveredLetter({ to, member, organization, origin, now }: {
  readonly to: string;
  readonly member: MemberRecord;
  readonly organization: string;
  readonly origin: string;
  readonly now: number;
}): Mail {
  const { role, held_until } = member;
  const person = personWords(member);
  const until = held_until === null || held_until <= now
    ? "They are not held: they may do at once whatever their role allows."
    : `Until ${new Date(held_until).toISOString()} they cannot decide requests, see their arguments
or change anything, except to throw a kill switch, unless you confirm under your passkey that it was
them.`;
  return {
    to,
    subject: `${person} recovered their Countersign account`,
    text: `${person}, ${role} of "${organization}", lost their passkeys and recovered their account.

${until}

Ask them by another way than mail whether it was them. If it was, you can confirm it; if not, remove
them from the team:

  ${origin}${pagePath("/team")}
`,
  };
}
