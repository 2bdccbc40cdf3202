import { addressProblem, type PrivateHosts } from "../outside/addresses.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import {
  type ChannelKind,
  type ChannelSettings,
  PAGERDUTY_REGIONS,
} from "../store/records/channel.ts";

/**
 * What is given of a channel, checked: what its kind asks for, and its secret, which goes into
 * addresses and headers as it is. Pure; no message repeats a secret.
 */

/** What kinds ask for besides a name and a secret. */
export const CHANNEL_FIELDS = [
  "from",
  "service_id",
  "region",
  "url",
  "topic",
  "chat_id",
] as const;

export type ChannelField = (typeof CHANNEL_FIELDS)[number];

/** Values as a form or a body has them; absent where nothing was given. */
export type GivenFields = { readonly [F in ChannelField]?: string | undefined };

/** What a kind's secret is. */
type SecretForm = "address" | "token" | "optional_token" | "bot_token";

interface Asked {
  readonly fields: readonly ChannelField[];
  readonly secret: SecretForm;
}

/** What each kind asks for, in the order of a form. */
export const ASKED: { readonly [K in ChannelKind]: Asked } = {
  slack: { fields: [], secret: "address" },
  teams: { fields: [], secret: "address" },
  discord: { fields: [], secret: "address" },
  mattermost: { fields: [], secret: "address" },
  pagerduty: { fields: ["from", "service_id", "region"], secret: "token" },
  pagerduty_events: { fields: ["region"], secret: "token" },
  ntfy: { fields: ["url", "topic"], secret: "optional_token" },
  gotify: { fields: ["url"], secret: "token" },
  telegram: { fields: ["chat_id"], secret: "bot_token" },
};

/** The default where a field is not given. */
const DEFAULTS: GivenFields = { region: "us" };

/**
 * The settings of a channel of a kind.
 * @param known what it has already, for a change
 * @throws {Refusal} invalid_request
 */
export function settingsOf(
  kind: ChannelKind,
  given: GivenFields,
  named: PrivateHosts,
  known: GivenFields = DEFAULTS,
): ChannelSettings {
  const { fields } = ASKED[kind];
  const value = (field: ChannelField) => given[field] ?? known[field] ?? "";
  const problems: InputProblem[] = [
    ...CHANNEL_FIELDS.filter((field) => given[field] !== undefined && !fields.includes(field))
      .map((field) => ({ path: `/${field}`, message: `is nothing that a channel of ${kind} has` })),
    ...fields.flatMap((field) => {
      const message = value(field) === ""
        ? `is needed for a channel of ${kind}`
        : CHECKS[field](value(field), named);
      return message === null ? [] : [{ path: `/${field}`, message }];
    }),
  ];
  if (problems.length > 0) throw new Refusal("invalid_request", { errors: problems });
  const region = PAGERDUTY_REGIONS.find((one) => one === value("region")) ?? "us";
  switch (kind) {
    case "pagerduty":
      return { kind, from: value("from"), service_id: value("service_id"), region };
    case "pagerduty_events":
      return { kind, region };
    case "ntfy":
      return { kind, url: value("url"), topic: value("topic") };
    case "gotify":
      return { kind, url: value("url") };
    case "telegram":
      return { kind, chat_id: value("chat_id") };
    default:
      return { kind };
  }
}

/** What a channel has of such fields. */
export function fieldsOf(settings: ChannelSettings): Readonly<Record<string, string>> {
  const { kind: _kind, ...fields } = settings;
  return fields;
}

const MAX_SECRET = 2048;

/** @throws {Refusal} invalid_request for a secret that nothing could be sent with */
export function assertSecret(kind: ChannelKind, secret: string, named: PrivateHosts): void {
  const message = secretProblem(ASKED[kind].secret, secret, named);
  if (message === null) return;
  throw new Refusal("invalid_request", { errors: [{ path: "/secret", message }] });
}

function secretProblem(form: SecretForm, secret: string, named: PrivateHosts): string | null {
  if (secret === "") {
    if (form === "optional_token") return null;
    return form === "address" ? "is needed: the address of a webhook" : "is needed";
  }
  if (secret.length > MAX_SECRET) return `has more than ${MAX_SECRET} characters`;
  switch (form) {
    case "address":
      return addressProblem(secret, named);
    case "bot_token":
      // It becomes part of a path.
      return /^[0-9]+:[A-Za-z0-9_-]+$/.test(secret)
        ? null
        : "is not the token of a bot, such as 123456:ABC-DEF1234ghIkl";
    default:
      return /^[\x21-\x7e]+$/.test(secret) ? null : "holds spaces or letters that no key has";
  }
}

/** What is wrong with a value, completing a sentence that begins with the field; null for nothing. */
type Check = (value: string, named: PrivateHosts) => string | null;

const CHECKS: { readonly [F in ChannelField]: Check } = {
  from: (value) =>
    value.length <= 254 && /^[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+$/.test(value)
      ? null
      : "is not the e-mail address of a PagerDuty user",
  service_id: (value) =>
    /^[A-Za-z0-9]{1,32}$/.test(value) ? null : "is not the id of a service, such as PIJ90N7",
  region: (value) => PAGERDUTY_REGIONS.some((region) => region === value) ? null : "is us or eu",
  url: (value, named) => {
    const problem = addressProblem(value, named);
    if (problem !== null) return problem;
    return value.length <= MAX_SECRET && !value.includes("?")
      ? null
      : "is more than the address of a server";
  },
  topic: (value) =>
    /^[A-Za-z0-9_-]{1,64}$/.test(value)
      ? null
      : "has other characters than letters, digits, - and _, or more than 64",
  chat_id: (value) =>
    /^(-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{1,63})$/.test(value)
      ? null
      : "is neither the number of a chat nor the @name of a public channel",
};
