import assert from "node:assert/strict";
import type { Mail } from "../../lib/deps.ts";
import {
  consoleMailer,
  MailFailed,
  type MailSettings,
  smtpMailer,
  type SmtpServer,
} from "../../lib/outside/mailer.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { runAsService } from "../helpers/started_process.ts";
import { SELF_SIGNED } from "../helpers/self_signed.ts";
import { SmtpSink } from "./smtp_sink.ts";

const MAIL: Mail = { to: "ann@example.com", subject: "Hello", text: "One line.\nAnother.\n" };

function mailer(sink: SmtpSink, server: Partial<SmtpServer> = {}, timer = systemTimer) {
  const settings: MailSettings = {
    smtp: { host: "127.0.0.1", port: sink.port, tls: false, credentials: null, ...server },
    from: { name: "Countersign", address: "mail@example.com" },
  };
  return smtpMailer(settings, "countersign.example", timer);
}

/** The headers of a mail, in lower case, with what is folded in one line. */
function headersOf(mail = ""): Map<string, string> {
  const [head = ""] = mail.split("\r\n\r\n");
  const lines = head.replace(/\r\n[ \t]+/g, " ").split("\r\n");
  return new Map(lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  }));
}

async function failure(sending: Promise<void>): Promise<MailFailed> {
  try {
    await sending;
  } catch (error) {
    if (error instanceof MailFailed) return error;
    throw error;
  }
  throw new Error("The mail was taken.");
}

Deno.test("a mail reaches the server as plain text to one person", async () => {
  await using sink = new SmtpSink();
  await mailer(sink).send(MAIL);
  assert.deepEqual(sink.commands.slice(0, 4), [
    "EHLO countersign.example",
    "MAIL FROM:<mail@example.com>",
    "RCPT TO:<ann@example.com>",
    "DATA",
  ]);
  const [mail = ""] = sink.mails;
  const headers = headersOf(mail);
  assert.equal(headers.get("from"), "Countersign <mail@example.com>");
  assert.equal(headers.get("to"), "ann@example.com");
  assert.equal(headers.get("subject"), "Hello");
  assert.equal(headers.get("auto-submitted"), "auto-generated");
  assert.match(headers.get("content-type") ?? "", /^text\/plain; charset=utf-8/);
  assert.ok(mail.endsWith("\r\n\r\nOne line.\r\nAnother."), mail);
});

Deno.test("a mail server on this computer gets the password it is set with", async () => {
  await using sink = new SmtpSink();
  await mailer(sink, { credentials: { user: "me", password: "p/w" } }).send(MAIL);
  const plain = btoa("\0me\0p/w");
  assert.ok(sink.commands.includes(`AUTH PLAIN ${plain}`), sink.commands.join());
});

Deno.test("a subject with line ends becomes one line, and no header", async () => {
  await using sink = new SmtpSink();
  const ends = ["\r\n", "\n", "\r", "\u2028", "\u0085"];
  for (const end of ends) {
    await mailer(sink).send({ ...MAIL, subject: `Hello${end}Bcc: eve@example.com${end}${end}Hi` });
  }
  for (const mail of sink.mails) {
    const headers = headersOf(mail);
    assert.equal(headers.get("subject"), "Hello Bcc: eve@example.com Hi");
    assert.equal(headers.get("bcc"), undefined);
  }
  assert.equal(sink.mails.length, ends.length);
  assert.ok(!sink.commands.some((command) => command.includes("eve")));
});

Deno.test("a name in a subject is no encoded word, and hides nothing", async () => {
  await using sink = new SmtpSink();
  // Folded, a header gets a space between its words.
  const name = "=?utf-8?B?Q291bnRlcnNpZ246IHBheSBub3c=?=";
  await mailer(sink).send({ ...MAIL, subject: `ann@example.com invites you to ${name}` });
  await mailer(sink).send({ ...MAIL, subject: "Approval wanted: a\u202eb\ue000\u2800" });
  const [first = "", second = ""] = sink.mails.map((mail) => headersOf(mail).get("subject"));
  assert.equal(
    first,
    "ann@example.com invites you to = ?utf-8?B?Q291bnRlcnNpZ246IHBheSBub3c= ?=",
  );
  // Of our own making: what is beyond ASCII in it are the brackets of the codes.
  assert.match(second, /U\+202E/);
  assert.match(second, /U\+E000/);
  assert.match(second, /U\+2800/);
});

Deno.test("a recipient that is not one address is refused before a connection is made", async () => {
  await using sink = new SmtpSink();
  const recipients = [
    "",
    "nobody",
    "ann@example.com, eve@example.com",
    "ann@example.com\r\nBcc: eve@example.com",
    "ann@example.com\r\nRCPT TO:<eve@example.com>",
    "Ann <ann@example.com>",
    "ann@example.com>\r\n",
    `${"a".repeat(260)}@example.com`,
  ];
  for (const to of recipients) await failure(mailer(sink).send({ ...MAIL, to }));
  assert.deepEqual(sink.sessions, []);
});

Deno.test("a text with lone dots, long lines and every script arrives as it was", async () => {
  await using sink = new SmtpSink();
  const text = `.\r\n..\r\nQUIT\r\nGrüße, 世界 🎉\r\n${"x".repeat(3000)}\r\n`;
  await mailer(sink).send({ ...MAIL, text });
  const [mail = ""] = sink.mails;
  const [, body = ""] = /\r\n\r\n([^]*)$/.exec(mail) ?? [];
  assert.equal(headersOf(mail).get("content-transfer-encoding"), "quoted-printable");
  const plain = body.replace(/^\.\./gm, ".").replace(/=\r\n/g, "");
  const bytes = plain.replace(
    /=([0-9A-F]{2})/g,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
  const decoded = new TextDecoder().decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0)));
  assert.equal(decoded.trimEnd(), text.trimEnd());
});

Deno.test("another server gets neither mail nor password without TLS", async () => {
  await using sink = new SmtpSink({ hostname: "127.0.0.2" });
  const credentials = { user: "me", password: "p/w" };
  const error = await failure(mailer(sink, { host: "127.0.0.2", credentials }).send(MAIL));
  assert.match(error.message, /127\.0\.0\.2/);
  assert.ok(!error.message.includes("p/w"));
  assert.deepEqual(sink.mails, []);
  const asked = sink.commands.map((command) => command.split(" ")[0]);
  assert.ok(asked.every((word) => ["EHLO", "STARTTLS", "QUIT"].includes(word ?? "")), asked.join());
});

Deno.test("a server that cannot prove its name gets nothing", async () => {
  await using sink = new SmtpSink({ hostname: "127.0.0.2", tls: SELF_SIGNED });
  await failure(mailer(sink, { host: "127.0.0.2", tls: true }).send(MAIL));
  assert.deepEqual(sink.commands, []);
});

Deno.test("a refusal of the server is said with what it answered", async () => {
  await using sink = new SmtpSink({ answers: { RCPT: "550 5.1.1 no such person here" } });
  const error = await failure(mailer(sink).send(MAIL));
  assert.match(error.message, /550 5\.1\.1 no such person here/);
  assert.equal(error.code, "mail_failed");
});

Deno.test("a server that says nothing is given up", async () => {
  await using sink = new SmtpSink({ silent: true });
  const { promise: elapsed, resolve } = Promise.withResolvers<void>();
  let cancelled = false;
  const sending = mailer(sink, {}, () => ({ elapsed, cancel: () => cancelled = true })).send(MAIL);
  resolve();
  assert.match((await failure(sending)).message, /no end within 30000 ms/);
  assert.ok(cancelled);
});

Deno.test("mails are sent with the permissions of the task start, and no more", async () => {
  await using sink = new SmtpSink();
  const program = `
    import { smtpMailer } from "./lib/outside/mailer.ts";
    import { systemTimer } from "./lib/store/system.ts";
    import { internet } from "./lib/outside/internet.ts";
    const smtp = { host: "localhost", port: ${sink.port}, tls: false, credentials: null };
    const settings = { smtp, from: { name: "", address: "mail@example.com" } };
    const mail = { to: "ann@example.com", subject: "Hello", text: "Hello" };
    await smtpMailer(settings, "countersign.example", systemTimer).send(mail);
    await internet.resolve("localhost", new AbortController().signal);
    console.log("sent");
  `;
  const { code, out, err } = await runAsService(program);
  assert.equal(code, 0, out + err);
  assert.equal((out + err).trim(), "sent");
  assert.equal(sink.mails.length, 1);
});

Deno.test("where no server is set, mails go to the console in a frame", async () => {
  const printed: string[] = [];
  const console = consoleMailer((text) => printed.push(text));
  assert.equal(console.configured, false);
  await console.send({ ...MAIL, text: "Your code is 123456.\n\u001b[2Jhidden\r\nlast" });
  const [text = ""] = printed;
  assert.match(text, /SMTP_URL is not set/);
  assert.match(text, /\nTo: ann@example\.com\nSubject: Hello\n─+\nYour code is 123456\.\n/);
  assert.ok(!text.includes("\u001b"), "a mail does not steer the terminal");
  assert.match(text, /\nlast\n─+\n$/);
});
