import type { Mailer } from "./mailer.ts";

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
        `Subject: ${subject}`,
      ];
      const lines = [...head.map(printable), EDGE, ...text.split(/\r?\n/).map(printable)];
      print(`\n${EDGE}\n${lines.join("\n")}\n${EDGE}\n`);
      return Promise.resolve();
    },
  };
}

/** A line that cannot move the cursor or colour what a terminal shows next. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, " ");
}
