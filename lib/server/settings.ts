import { z } from "zod";
import { isPlausibleSecret, SECRET_PREFIXES, type SecretKind } from "../identity/secret.ts";
import { chosenSecretProblem } from "../settings/chosen_secret.ts";
import { type MailSettings, mailSettings } from "../settings/mail_settings.ts";
import { SettingRefused, type Variable } from "../settings/setting_refused.ts";
import { chosenStore, isFile } from "../store/store_address.ts";

/** What the operator set, checked. */
export interface Settings {
  readonly port: number;
  /** A file path, `:memory:`, a KV Connect URL, or `PLATFORM_STORE`. */
  readonly kv: string;
  /** Public origin, without a path. */
  readonly url: URL;
  /** How many proxies stand before the process, by whose `X-Forwarded-For` callers are told apart. */
  readonly trusted_proxies: number;
  /** Null where it is to be read from, or made in, the configuration folder. */
  readonly secret: Uint8Array | null;
  readonly previous_secret: Uint8Array | null;
  /** `access` writes one line a request besides the lines about failures. */
  readonly log: "failures" | "access";
  /** Whether MCP clients that declare the tasks extension get tasks in place of held calls. */
  readonly mcp_tasks: boolean;
  /** How long it serves after the signal to stop, while it says that it is not ready. */
  readonly drain_seconds: number;
  /** Null where mails go to the console of the server. */
  readonly mail: MailSettings | null;
  readonly bootstrap: {
    readonly key: string | null;
    readonly approver_key: string | null;
    readonly owner: string | null;
  };
}

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
  const secret = deploymentSecret(get("COUNTERSIGN_SECRET"));
  const local = isLocal(url) && isFile(kv);
  if (secret === null && !local && kv !== ":memory:") {
    throw new SettingRefused(
      "COUNTERSIGN_SECRET",
      "is required unless the store is a file and the origin is localhost. Make one by " +
        "`openssl rand -base64 48` and keep it apart from the store.",
    );
  }
  return {
    port,
    kv,
    url,
    trusted_proxies: proxies(get("COUNTERSIGN_TRUSTED_PROXY")),
    secret,
    previous_secret: bytes("COUNTERSIGN_SECRET_PREVIOUS", get("COUNTERSIGN_SECRET_PREVIOUS")),
    log: logged(get("COUNTERSIGN_LOG")),
    mcp_tasks: isOn(get("COUNTERSIGN_MCP_TASKS") ?? "on"),
    drain_seconds: drainSeconds(get("COUNTERSIGN_DRAIN_SECONDS")),
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

/** Whether a switch is on: set, and not to a word that says no. */
function isOn(text: string | null): boolean {
  return text !== null && !["0", "false", "no", "off"].includes(text.trim().toLowerCase());
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
