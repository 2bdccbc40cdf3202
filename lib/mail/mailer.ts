import { visibleLine } from "../text/visible_text.ts";

/** A mail of plain text to one person. */
export interface Mail {
  /** One e-mail address. */
  readonly to: string;
  /** One line. */
  readonly subject: string;
  readonly text: string;
}

const MAX_SUBJECT = 200;

/**
 * A subject as it is sent: one line, in which nothing is hidden. What names in it hold is never read
 * as an encoded word (RFC 2047), by which a mail program would show another text than was sent.
 */
export function subjectLine({ subject }: Pick<Mail, "subject">): string {
  return visibleLine(subject, MAX_SUBJECT).replaceAll("=?", "= ?");
}

/** What takes mails away. */
export interface Mailer {
  /** Whether mails reach the people they are for; otherwise the operator sees them instead. */
  readonly configured: boolean;
  /** Resolves once another server has taken the mail. @throws {MailFailed} */
  send(mail: Mail): Promise<void>;
}

/**
 * A mail was not taken. The message holds what the mail server answered, so it may hold an address:
 * scrub it before it is kept.
 */
export class MailFailed extends Error {
  readonly code = "mail_failed";
}
