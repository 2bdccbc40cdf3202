import { createTransport } from "nodemailer";
import { z } from "zod";
import { visibleLine, visibleText } from "../base/text.ts";
import type { Mail, Mailer } from "../deps.ts";
import type { Timer } from "../store/system.ts";

/**
 * Mails: over SMTP, or printed for the operator where there is no mail server. A mail has one
 * recipient and says nothing hidden.
 */

/** The server that takes our mails. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (smtps); otherwise by STARTTLS. */
  readonly tls: boolean;
  /** Null where the server takes mails without. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
}

export interface MailSettings {
  readonly smtp: SmtpServer;
  /** Whom mails come from; the name may be empty. */
  readonly from: { readonly name: string; readonly address: string };
}

const MAX_SUBJECT = 200;

/**
 * A subject as it is sent: one line, in which nothing is hidden. What names in it hold is never read
 * as an encoded word (RFC 2047), by which a mail program would show another text than was sent.
 */
export function subjectLine({ subject }: Pick<Mail, "subject">): string {
  return visibleLine(subject, MAX_SUBJECT).replaceAll("=?", "= ?");
}

/**
 * A mail was not taken. The message holds what the mail server answered, so it may hold an address:
 * scrub it before it is kept.
 */
export class MailFailed extends Error {
  readonly code = "mail_failed";
}

const EDGE = "─".repeat(72);

/**
 * Stands in where no mail server is set: prints mails where the operator sees them, because the
 * codes and links in them must reach somebody.
 */
export function consoleMailer(print: (text: string) => void): Mailer {
  return {
    configured: false,
    send({ to, subject, text }) {
      const head = [
        "Mail that could not be sent, as SMTP_URL is not set:",
        `To: ${to}`,
        `Subject: ${subjectLine({ subject })}`,
      ];
      const lines = [
        ...head.map((line) => visibleText(line)),
        EDGE,
        ...text.split(/\r?\n/).map((line) => visibleText(line)),
      ];
      print(`\n${EDGE}\n${lines.join("\n")}\n${EDGE}\n`);
      return Promise.resolve();
    },
  };
}

/** How long one mail may take, from the look-up of the server to its last word, milliseconds. */
const LIMIT_MS = 30_000;

/** How long one step of it may take. */
const STEP_MS = 10_000;

const address = z.email().max(254);

/**
 * A mailer over SMTP (RFC 5321, RFC 6409), with a connection for each mail. Nothing goes out in the
 * clear except to this computer: elsewhere a server must offer TLS and prove its name, or gets
 * neither password nor mail.
 *
 * @param name what this host calls itself, so that nobody needs to ask the system
 */
export function smtpMailer(
  { smtp, from }: MailSettings,
  name: string,
  timer: (milliseconds: number) => Timer,
): Mailer {
  const { host, port, tls, credentials } = smtp;
  const isLocal = ["localhost", "127.0.0.1", "::1"].includes(host);
  const transport = createTransport({
    host,
    port,
    // A greeting without a dot is an address literal (RFC 5321 section 4.1.3), or is refused.
    name: name.includes(".") ? name : "[127.0.0.1]",
    secure: tls,
    ...(isLocal ? { ignoreTLS: true } : { requireTLS: true }),
    ...(credentials === null
      ? {}
      : { auth: { user: credentials.user, pass: credentials.password } }),
    dnsTimeout: STEP_MS,
    connectionTimeout: STEP_MS,
    greetingTimeout: STEP_MS,
    socketTimeout: STEP_MS,
    // A text stays a text, whatever it says: nothing in it is read from a file or an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    configured: true,
    async send(mail) {
      const to = recipient(mail);
      const limit = timer(LIMIT_MS);
      const stopping = new AbortController();
      void limit.elapsed.then(() => stopping.abort());
      try {
        await transport.sendMail({
          from,
          to: { name: "", address: to },
          // Taken from the header by default, where another reading of it could find two.
          envelope: { from: from.address, to: [to] },
          subject: subjectLine(mail),
          text: mail.text,
          // So that no absence note answers it (RFC 3834 section 5).
          headers: { "Auto-Submitted": "auto-generated" },
          xMailer: false,
          signal: stopping.signal,
        });
      } catch (error) {
        throw new MailFailed(
          `The mail server ${host}:${port} did not take the mail: ` +
            (stopping.signal.aborted ? `no end within ${LIMIT_MS} ms` : reason(error)),
          { cause: error },
        );
      } finally {
        limit.cancel();
      }
    },
  };
}

/** The one address of a mail: a list or a header in its place is refused, not read. */
function recipient({ to }: Mail): string {
  const parsed = address.safeParse(to);
  if (!parsed.success) throw new MailFailed("The recipient of the mail is no e-mail address.");
  return parsed.data;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
