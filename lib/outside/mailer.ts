import { createTransport } from "nodemailer";
import { z } from "zod";
import type { Timer } from "../deps.ts";
import { type Mail, type Mailer, MailFailed, subjectLine } from "../mail/mailer.ts";
import type { MailSettings } from "../settings/mail_settings.ts";

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
