import { z } from "zod";
import { SettingRefused } from "./setting_refused.ts";

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

/** RFC 8314 section 7.3: submission with STARTTLS, submission with TLS from the beginning. */
const PORTS = { "smtp:": 587, "smtps:": 465 } as const;

/**
 * Reads how mails are sent; null when both variables are not set.
 * @throws {SettingRefused} which never repeats the address: it holds a password
 */
export function mailSettings(smtpUrl: string | null, mailFrom: string | null): MailSettings | null {
  if (smtpUrl === null && mailFrom === null) return null;
  if (smtpUrl === null) {
    throw new SettingRefused(
      "SMTP_URL",
      "is not set, but MAIL_FROM is: nothing could be sent. Give both, or neither.",
    );
  }
  const smtp = smtpServer(smtpUrl);
  if (mailFrom === null) {
    throw new SettingRefused(
      "MAIL_FROM",
      "is required with SMTP_URL: give the address that mails come from, for example " +
        '"Countersign <countersign@example.com>".',
    );
  }
  return { smtp, from: sender(mailFrom) };
}

function smtpServer(text: string): SmtpServer {
  const url = URL.parse(text);
  const standard = url === null ? undefined : PORTS[url.protocol as keyof typeof PORTS];
  if (url === null || standard === undefined || url.hostname === "") {
    throw new SettingRefused(
      "SMTP_URL",
      "is not the address of a mail server; give smtp://USER:PASSWORD@HOST:587 or " +
        "smtps://USER:PASSWORD@HOST:465, with special characters of the password as in " +
        "encodeURIComponent.",
    );
  }
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    throw new SettingRefused(
      "SMTP_URL",
      "has more than a server in it; end it after the port. A / ? or # in the password is written " +
        "%2F %3F %23.",
    );
  }
  if ((url.username === "") !== (url.password === "")) {
    throw new SettingRefused(
      "SMTP_URL",
      "has a user without a password, or the reverse; give both as USER:PASSWORD@, or neither for a " +
        "server that asks for none.",
    );
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? standard : Number(url.port),
    tls: url.protocol === "smtps:",
    credentials: url.username === ""
      ? null
      : { user: decoded(url.username), password: decoded(url.password) },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SettingRefused(
      "SMTP_URL",
      "has a % that begins no character; write special characters of user and password as in " +
        "encodeURIComponent (% itself is %25).",
    );
  }
}

/** `address`, or `name <address>`. */
function sender(text: string): MailSettings["from"] {
  const [, quoted, plain, inBrackets] =
    /^(?:"([^"]*)"\s*|([^<>"]*))<([^<>]+)>$/.exec(text.trim()) ??
      [];
  const address = z.email().max(254).safeParse(inBrackets ?? text.trim());
  if (!address.success || /\p{Cc}/u.test(text)) {
    throw new SettingRefused(
      "MAIL_FROM",
      `is ${JSON.stringify(text)}; give an address such as countersign@example.com, or ` +
        '"Countersign <countersign@example.com>".',
    );
  }
  return { name: (quoted ?? plain ?? "").trim(), address: address.data };
}
