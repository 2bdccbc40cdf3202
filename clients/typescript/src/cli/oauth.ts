import { objectOf, problemOf } from "../answers.ts";
import { NoAnswer, Refused } from "../errors.ts";
import { boundedText } from "../exchange.ts";
import { Failed } from "./exit.ts";
import type { Machine } from "./machine.ts";

/** What `login` and `logout` say to a service: the device flow (RFC 8628) and revocation (RFC 7009). */

/** The name that the service knows this command line by. */
const CLIENT_ID = "countersign-cli";

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

const TIMEOUT_MS = 12_000;

type Json = Readonly<Record<string, unknown>>;

/** Where a service takes logins. */
export interface Endpoints {
  readonly ask: URL;
  readonly token: URL;
  readonly revoke: URL;
}

/**
 * Where a service takes logins, as its metadata say (RFC 8414).
 * @throws {Failed} for a service that knows none yet, or that is another than was asked
 */
export async function endpointsOf(machine: Machine, url: URL): Promise<Endpoints> {
  const at = new URL("/.well-known/oauth-authorization-server", url);
  const { status, value } = await sent(machine, at, null);
  if (status !== 200 || value === null) throw notCountersign(url, status, value);
  if (value["issuer"] !== url.origin) {
    const issuer = JSON.stringify(value["issuer"] ?? null);
    throw new Failed(`What answers at ${url.origin} says that it is ${issuer}: use that as --url`);
  }
  const asked = value["device_authorization_endpoint"];
  if (typeof asked !== "string") {
    throw new Failed(
      `Countersign at ${url.origin} is too old for login. Update it; until then make a key in the ` +
        "dashboard, and set COUNTERSIGN_KEY",
    );
  }
  return {
    ask: own(url, asked),
    token: own(url, value["token_endpoint"]),
    revoke: own(url, value["revocation_endpoint"]),
  };
}

/** An address of the service itself: to no other one is a code or a secret sent. */
function own(url: URL, told: unknown): URL {
  const at = typeof told === "string" && URL.canParse(told) ? new URL(told) : null;
  if (at?.origin !== url.origin) throw notCountersign(url, 200, null);
  return at;
}

/** A login that waits for somebody to type its code. */
export interface Waiting {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  /** Seconds. */
  readonly expires_in: number;
  readonly interval: number;
}

const isSeconds = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= 3600;

/** Asks for a login under a name. */
export async function askLogin(
  machine: Machine,
  { ask }: Pick<Endpoints, "ask">,
  device_name: string,
): Promise<Waiting> {
  const { status, value } = await sent(machine, ask, { client_id: CLIENT_ID, device_name });
  const { device_code, user_code, verification_uri, expires_in, interval = 5 } = value ?? {};
  const isWhole = status === 200 && typeof device_code === "string" &&
    typeof user_code === "string" && isSeconds(expires_in) && isSeconds(interval);
  if (!isWhole) throw notCountersign(ask, status, value);
  const at = own(ask, verification_uri);
  return { device_code, user_code, verification_uri: at.href, expires_in, interval };
}

/** What somebody let this computer in as. */
export interface LetIn {
  readonly secret: string;
  readonly gives: string;
  readonly id: string;
  readonly name: string;
  readonly org: string;
  readonly org_name: string;
}

/** What a poll was answered: the secret, that one has to go on waiting, or why there is none. */
export type Polled =
  | { readonly let_in: LetIn }
  | { readonly wait: "pending" | "slow_down" | "later"; readonly seconds: number | null }
  | { readonly refused: string };

/** Asks whether somebody let this computer in. What is no answer may be asked again. */
export async function pollLogin(
  machine: Machine,
  { token }: Pick<Endpoints, "token">,
  device_code: string,
): Promise<Polled> {
  const form = { grant_type: GRANT, client_id: CLIENT_ID, device_code };
  let got: Sent;
  try {
    got = await sent(machine, token, form);
  } catch (error) {
    if (error instanceof NoAnswer) return { wait: "later", seconds: null };
    throw error;
  }
  const { status, value, retryAfter } = got;
  if (status === 200) return { let_in: letInBy(token, value) };
  if (status === 429 || status >= 500) return { wait: "later", seconds: retryAfter };
  switch (value?.["error"]) {
    case "authorization_pending":
      return { wait: "pending", seconds: null };
    case "slow_down":
      return { wait: "slow_down", seconds: null };
    case "access_denied":
    case "expired_token":
    case "invalid_grant":
      return { refused: value["error"] };
    default:
      throw notCountersign(token, status, value);
  }
}

function letInBy(token: URL, value: Json | null): LetIn {
  const { access_token: secret, token_type, gives, id, name, org, org_name } = value ?? {};
  const texts = [secret, token_type, gives, id, name, org, org_name];
  const isSecret = typeof secret === "string" && /^cs_(agent|live)_[0-9a-z]+$/.test(secret);
  if (!isSecret || texts.some((text) => typeof text !== "string") || token_type !== "Bearer") {
    throw notCountersign(token, 200, null);
  }
  return { secret, gives, id, name, org, org_name } as LetIn;
}

/** Gives a secret back. Whether it ended anything is not answered. @throws {NoAnswer} */
export async function giveBack(
  machine: Machine,
  { revoke }: Pick<Endpoints, "revoke">,
  secret: string,
): Promise<void> {
  const { status, value } = await sent(machine, revoke, { token: secret, client_id: CLIENT_ID });
  if (status !== 200) throw notCountersign(revoke, status, value);
}

interface Sent {
  readonly status: number;
  /** Null where the body is no JSON object. */
  readonly value: Json | null;
  /** Seconds; null where nothing is said. */
  readonly retryAfter: number | null;
}

/** @param form null to read @throws {NoAnswer} */
async function sent(
  machine: Machine,
  url: URL,
  form: Readonly<Record<string, string>> | null,
): Promise<Sent> {
  const stop = new AbortController();
  const late = new NoAnswer("timed_out", `Countersign gave no answer in time at ${url.origin}`);
  const cancel = machine.after(TIMEOUT_MS, () => stop.abort(late));
  try {
    const response = await machine.fetch(url, {
      headers: { accept: "application/json" },
      ...(form === null ? {} : { method: "POST", body: new URLSearchParams(form) }),
      // Followed, a code would go wherever somebody points.
      redirect: "manual",
      signal: stop.signal,
    });
    const text = await boundedText(response, stop.signal);
    const after = Number(response.headers.get("retry-after") ?? NaN);
    return {
      status: response.status,
      value: jsonIn(text),
      retryAfter: Number.isSafeInteger(after) && after > 0 ? after : null,
    };
  } catch (error) {
    if (stop.signal.aborted || error instanceof NoAnswer) throw stop.signal.reason ?? error;
    const message = `Countersign does not answer at ${url.origin}`;
    throw new NoAnswer("unreachable", message, { cause: error });
  } finally {
    cancel();
  }
}

function jsonIn(text: string): Json | null {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return null;
  }
}

/** What an answer means that is none of those that there can be. */
function notCountersign(url: URL, status: number, value: Json | null): Error {
  const problem = problemOf(status, value);
  if (problem !== null) return new Refused(problem);
  const said = value?.["error_description"];
  if (typeof said === "string") return new Failed(`${url.origin} answered ${status}: ${said}`);
  return new NoAnswer(
    "bad_answer",
    `What answered ${url.pathname} with ${status} is not Countersign`,
    {
      status,
    },
  );
}
