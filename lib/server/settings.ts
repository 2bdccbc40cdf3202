import { z } from "zod";
import { isPlausibleSecret, SECRET_PREFIXES, type SecretKind } from "../identity/credentials.ts";
import { hostProblem, privateHost, type PrivateHosts } from "../outside/addresses.ts";
import type { MailSettings, SmtpServer } from "../outside/mailer.ts";
import type { ChannelApis, Settings } from "../services.ts";
import { chosenStore, isFile, PLATFORM_STORE } from "../store/store_faults.ts";
import { chosenSecretProblem } from "./console.ts";
import { SettingRefused, type Variable } from "./rights.ts";

/**
 * The settings, read from the environment once and checked: a start with a wrong one ends with a
 * sentence that names it, and never repeats a secret.
 */

type Environment = (variable: Variable) => string | undefined;

const MIN_SECRET_BYTES = 32;

/** Reads and checks the settings. @throws {SettingRefused} */
export function readSettings(environment: Environment): Settings {
  const get = (variable: Variable) => environment(variable) || null;
  const port = Number(get("PORT") ?? "8000");
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new SettingRefused("PORT", `is ${JSON.stringify(get("PORT"))}; give 1 to 65535.`);
  }
  const url = origin(get("COUNTERSIGN_URL") ?? `http://localhost:${port}`);
  const kv = chosenStore(get);
  if (kv === PLATFORM_STORE && get("COUNTERSIGN_URL") === null) {
    throw new SettingRefused(
      "COUNTERSIGN_URL",
      "is required on Deno Deploy, where nobody reaches it as localhost: give the address of the app, " +
        "such as https://countersign.example.",
    );
  }
  const secret = deploymentSecret(get("COUNTERSIGN_SECRET"));
  const local = isLocal(url) && isFile(kv);
  if (secret === null && !local && kv !== ":memory:") {
    throw new SettingRefused(
      "COUNTERSIGN_SECRET",
      "is required unless the store is a file and the origin is localhost. Make one by " +
        "`openssl rand -base64 48` and keep it apart from the store.",
    );
  }
  const channels = channelApis(get);
  return {
    port,
    kv,
    url,
    trusted_proxies: proxies(get("COUNTERSIGN_TRUSTED_PROXY")),
    secret,
    previous_secret: bytes("COUNTERSIGN_SECRET_PREVIOUS", get("COUNTERSIGN_SECRET_PREVIOUS")),
    log: logged(get("COUNTERSIGN_LOG")),
    mcp_tasks: isOn("COUNTERSIGN_MCP_TASKS", get("COUNTERSIGN_MCP_TASKS")),
    allowly: isOn("COUNTERSIGN_ALLOWLY", get("COUNTERSIGN_ALLOWLY")),
    drain_seconds: drainSeconds(get("COUNTERSIGN_DRAIN_SECONDS")),
    private_hosts: privateHosts(get("COUNTERSIGN_PRIVATE_HOSTS"))
      .union(privateApis(channels)),
    ws_origins: webOrigins(get("COUNTERSIGN_WS_ORIGINS")),
    channels,
    mail: mailSettings(get("SMTP_URL"), get("MAIL_FROM")),
    bootstrap: {
      key: chosenKey("COUNTERSIGN_BOOTSTRAP_KEY", "management", get("COUNTERSIGN_BOOTSTRAP_KEY")),
      approver_key: chosenKey(
        "COUNTERSIGN_BOOTSTRAP_APPROVER_KEY",
        "approver",
        get("COUNTERSIGN_BOOTSTRAP_APPROVER_KEY"),
      ),
      owner: email(get("COUNTERSIGN_BOOTSTRAP_OWNER")),
    },
  };
}

/** Whether a switch is on, as it is unless it says otherwise: what is misspelled is no yes. */
function isOn(variable: Variable, text: string | null): boolean {
  const given = text?.trim().toLowerCase() ?? "on";
  if (["1", "true", "yes", "on"].includes(given)) return true;
  if (["0", "false", "no", "off"].includes(given)) return false;
  throw new SettingRefused(
    variable,
    `is ${JSON.stringify(text)}; give on (also the default) or off.`,
  );
}

/** A number of proxies; the words of before mean one. */
function proxies(text: string | null): number {
  const given = text?.trim().toLowerCase() ?? "0";
  if (["true", "yes", "on"].includes(given)) return 1;
  if (/^[0-9]{1,2}$/.test(given)) return Number(given);
  throw new SettingRefused(
    "COUNTERSIGN_TRUSTED_PROXY",
    `is ${JSON.stringify(text)}; give how many proxies stand before it, such as 1, or unset it.`,
  );
}

function drainSeconds(text: string | null): number {
  const seconds = Number(text ?? "0");
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 300) return seconds;
  throw new SettingRefused(
    "COUNTERSIGN_DRAIN_SECONDS",
    `is ${JSON.stringify(text)}; give whole seconds from 0 to 300.`,
  );
}

function privateHosts(text: string | null): PrivateHosts {
  if (text === null) return new Set();
  const hosts = text.split(",").map((part) => {
    const entry = part.trim();
    const read = privateHost(entry);
    if ("host" in read) return read.host;
    // Before an @ may stand a password.
    const named = entry.includes("@") ? "a host with an @" : JSON.stringify(entry);
    throw new SettingRefused(
      "COUNTERSIGN_PRIVATE_HOSTS",
      `names ${named}, which ${read.problem}. Give hosts or host:port with commas between them, ` +
        "such as hooks.corp.example,10.0.0.7:8080.",
    );
  });
  return new Set(hosts);
}

/** Origins as browsers send them: compared letter by letter, so each is written as it is sent. */
function webOrigins(text: string | null): ReadonlySet<string> {
  if (text === null) return new Set();
  return new Set(
    text.split(",").map((part) => {
      const given = part.trim();
      const own = URL.parse(given);
      // Browsers' extensions have origins that are none to the URL standard.
      const sent = own === null || own.origin === "null" ? given.toLowerCase() : own.origin;
      const isOrigin = own !== null && /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]_-]+$/.test(given);
      if (isOrigin && sent === given) return given;
      // Before an @ may stand a password.
      const named = given.includes("@") ? "an address with an @" : JSON.stringify(given);
      const hint = own !== null && /^https?:$/.test(own.protocol) && !given.includes("@")
        ? `; write ${own.origin}`
        : "";
      throw new SettingRefused(
        "COUNTERSIGN_WS_ORIGINS",
        `names ${named}, which is no origin as browsers send it${hint}. Give exact origins with ` +
          "commas between them, without path and without *, such as " +
          "https://app.example,chrome-extension://<id>.",
      );
    }),
  );
}

const SLACK_API = "https://slack.com/api";
const TELEGRAM_API = "https://api.telegram.org";

/** The APIs of channels that are asked elsewhere than their providers have them, by their names. */
export function movedApis({ slack, telegram, pagerduty }: ChannelApis): Record<string, string> {
  return {
    ...(slack === SLACK_API ? {} : { slack }),
    ...(telegram === TELEGRAM_API ? {} : { telegram }),
    ...(pagerduty === null ? {} : { pagerduty }),
  };
}

/** @throws {SettingRefused} */
function channelApis(get: (variable: Variable) => string | null): ChannelApis {
  const id = get("COUNTERSIGN_SLACK_CLIENT_ID");
  const secret = get("COUNTERSIGN_SLACK_CLIENT_SECRET");
  if ((id === null) !== (secret === null)) {
    throw new SettingRefused(
      id === null ? "COUNTERSIGN_SLACK_CLIENT_ID" : "COUNTERSIGN_SLACK_CLIENT_SECRET",
      "is not set, but the other half of what Slack knows an app by is. Give both, as the app's page " +
        "Basic Information has them, or neither: then channels take pasted webhook addresses.",
    );
  }
  const base = (variable: Variable) => apiBase(variable, get(variable));
  return {
    slack: base("COUNTERSIGN_SLACK_API") ?? SLACK_API,
    telegram: base("COUNTERSIGN_TELEGRAM_API") ?? TELEGRAM_API,
    pagerduty: base("COUNTERSIGN_PAGERDUTY_API"),
    slack_app: id === null || secret === null ? null : { id, secret },
  };
}

/** The address that an API's paths are put behind. */
function apiBase(variable: Variable, text: string | null): string | null {
  if (text === null) return null;
  const url = URL.parse(text);
  const isPlain = url !== null && url.search === "" && url.hash === "" && url.username === "" &&
    url.password === "";
  if (isPlain && ["http:", "https:"].includes(url.protocol)) return url.href.replace(/\/+$/, "");
  // Before an @ may stand a password.
  const given = text.includes("@") ? "an address with an @" : JSON.stringify(text);
  throw new SettingRefused(
    variable,
    `is ${given}; give where that API is, such as https://api.corp.example/v1, without user, query ` +
      "or fragment.",
  );
}

/** The hosts of APIs that the operator put in place of public ones: naming them there is naming them. */
function privateApis({ slack, telegram, pagerduty }: ChannelApis): PrivateHosts {
  const own = [slack, telegram, pagerduty ?? slack].filter((base) => hostProblem(base) !== null);
  return new Set(own.map((base) => {
    const { hostname, port, protocol } = new URL(base);
    return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
  }));
}

/** True when an origin is this computer, where plain http is safe. */
function isLocal(url: URL): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
}

function origin(text: string): URL {
  const url = URL.parse(text);
  const plain = url !== null && url.pathname === "/" && url.search === "" && url.hash === "" &&
    url.username === "";
  if (!plain || !["http:", "https:"].includes(url.protocol)) {
    throw new SettingRefused(
      "COUNTERSIGN_URL",
      `is ${JSON.stringify(text)}; give an origin such as https://countersign.example.`,
    );
  }
  if (url.protocol === "http:" && !isLocal(url)) {
    throw new SettingRefused(
      "COUNTERSIGN_URL",
      `is ${text}; only localhost goes without https. Put a TLS proxy in front and give https.`,
    );
  }
  return url;
}

function deploymentSecret(text: string | null): Uint8Array | null {
  const secret = bytes("COUNTERSIGN_SECRET", text);
  const problem = text === null ? null : chosenSecretProblem(text);
  if (problem === null) return secret;
  // The previous one is taken as it is: what is weak could never be replaced otherwise.
  throw new SettingRefused(
    "COUNTERSIGN_SECRET",
    `${problem} Make one by \`openssl rand -base64 48\`; where a store lies under this one, give ` +
      "this one as COUNTERSIGN_SECRET_PREVIOUS.",
  );
}

function bytes(
  variable: "COUNTERSIGN_SECRET" | "COUNTERSIGN_SECRET_PREVIOUS",
  text: string | null,
): Uint8Array | null {
  if (text === null) return null;
  const value = new TextEncoder().encode(text);
  if (value.length < MIN_SECRET_BYTES) {
    throw new SettingRefused(
      variable,
      `has ${value.length} bytes; ${MIN_SECRET_BYTES} random ones are the least. Make one by ` +
        "`openssl rand -base64 48`.",
    );
  }
  return value;
}

function logged(text: string | null): "failures" | "access" {
  if (text === null) return "failures";
  if (text === "failures" || text === "access") return text;
  throw new SettingRefused(
    "COUNTERSIGN_LOG",
    `is ${JSON.stringify(text)}; give failures (also the default) or access.`,
  );
}

function chosenKey(
  variable: "COUNTERSIGN_BOOTSTRAP_KEY" | "COUNTERSIGN_BOOTSTRAP_APPROVER_KEY",
  kind: SecretKind,
  text: string | null,
): string | null {
  if (text === null) return null;
  const prefix = SECRET_PREFIXES[kind];
  if (!text.startsWith(prefix) || text.length < prefix.length + 32) {
    throw new SettingRefused(
      variable,
      `must begin with ${prefix} and have at least 32 random characters after it.`,
    );
  }
  const problem = chosenSecretProblem(text.slice(prefix.length));
  if (problem !== null) {
    throw new SettingRefused(
      variable,
      `${problem} Choose another, for example ${prefix} and the output of ` +
        "`openssl rand -hex 24`; where an organization was made with this one, unset the variable " +
        "and replace that key.",
    );
  }
  if (!isPlausibleSecret(text)) {
    throw new SettingRefused(
      variable,
      "has characters outside visible ASCII, more than 256 of them, or the exact form of a made " +
        "key with a wrong checksum. Choose another, for example with 40 characters after the prefix.",
    );
  }
  return text;
}

function email(text: string | null): string | null {
  if (text === null) return null;
  const parsed = z.email().max(254).safeParse(text);
  if (!parsed.success) {
    throw new SettingRefused(
      "COUNTERSIGN_BOOTSTRAP_OWNER",
      `is ${JSON.stringify(text)}; give an e-mail address.`,
    );
  }
  return parsed.data.toLowerCase();
}

/** RFC 8314 section 7.3: submission with STARTTLS, submission with TLS from the beginning. */
const PORTS = { "smtp:": 587, "smtps:": 465 } as const;

/**
 * Reads how mails are sent; null when both variables are not set.
 * @throws {SettingRefused} which never repeats the address: it holds a password
 */
function mailSettings(smtpUrl: string | null, mailFrom: string | null): MailSettings | null {
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
