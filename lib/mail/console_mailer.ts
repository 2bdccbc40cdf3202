import { visibleText } from "../text/visible_text.ts";
import { type Mailer, subjectLine } from "./mailer.ts";

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
