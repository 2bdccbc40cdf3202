import { isJsonObject, type JsonValue } from "../base/json.ts";
import { type Client, privateClient } from "../identity/caller.ts";
import type { Services } from "../services.ts";
import { DEPLOYMENT_ORG, oauthClientKey, oauthRegistrationsKey } from "../store/keys.ts";
import type { RegisteredClient } from "../store/records/oauth.ts";
import { CLIENT_NEW_MS } from "./client.ts";
import { countFlood, type Flood, loadFlood, type TooMany } from "./flood.ts";
import { isAllowedRedirectUri, redirectTarget } from "./redirect_uri.ts";

/**
 * Registration by clients that nobody vouches for (RFC 7591): counted, kept small, of no
 * consequence until a person consents.
 */

const HOUR = 60 * 60 * 1000;

/** Registrations an hour from one address; hosts in a cloud share one between many people. */
export const REGISTRATIONS_OF_ONE = 30;

/**
 * Registrations an hour in all: with `CLIENT_NEW_MS` and the size of one it bounds what strangers can
 * make the store hold.
 */
export const REGISTRATIONS_OF_ALL = 300;

const REDIRECTS_TOLD = 3;

/** Characters of one. */
const REDIRECT_TOLD = 100;

const REGISTRATIONS: Flood = {
  key: oauthRegistrationsKey,
  purpose: "registration",
  of_one: REGISTRATIONS_OF_ONE,
  of_all: REGISTRATIONS_OF_ALL,
  span: HOUR,
};

/**
 * Registers a client that nobody vouches for (RFC 7591). It grants nothing: a person is asked each
 * time, and told that the name is the client's own word. Without a use it ends in a week.
 * @throws {StoreUnavailable}
 */
export async function registerClient(
  services: Services,
  body: JsonValue,
  client: Client,
): Promise<RegisteredClient | RegistrationFault | TooMany> {
  const asked = parseRegistration(body);
  if ("error" in asked) return asked;
  return await services.ledgers.transact(DEPLOYMENT_ORG, {
    load: (reader) => loadFlood(services, reader, REGISTRATIONS, client),
    plan(transaction, flood): RegisteredClient | TooMany {
      const tooMany = countFlood(transaction, flood);
      if (tooMany !== null) return tooMany;
      const { at, now } = transaction;
      const record: RegisteredClient = {
        id: transaction.id("ocl"),
        name: asked.name,
        redirect_uris: [...asked.redirect_uris],
        created_at: at,
        used_at: now,
        expires_at: now + CLIENT_NEW_MS,
      };
      transaction.set(oauthClientKey(record.id), record, { expireIn: CLIENT_NEW_MS });
      transaction.append({
        type: "oauth.registered",
        actor: { type: "system", id: "registration" },
        subject: { client: record.id },
        data: {
          client_name: record.name,
          ...shownRedirects(record),
          request_id: client.request_id,
        },
        private: { client: privateClient(client) },
      });
      return record;
    },
  });
}

/**
 * Where answers to a client may go, as far as an entry has room: strangers make these, and no log is
 * to grow by whatever they send.
 */
function shownRedirects({ redirect_uris }: RegisteredClient) {
  const targets = [...new Set(redirect_uris.map((uri) => redirectTarget(uri).shown))];
  return {
    redirects: targets.slice(0, REDIRECTS_TOLD).map((target) => target.slice(0, REDIRECT_TOLD)),
    redirect_uris: redirect_uris.length,
  };
}

/** What a client says of itself, as far as anything here depends on it. */
interface Registration {
  readonly name: string;
  /** At least one. */
  readonly redirect_uris: readonly string[];
}

/** Why a registration is refused (RFC 7591 section 3.2.2). */
interface RegistrationFault {
  readonly error: "invalid_redirect_uri" | "invalid_client_metadata";
  readonly error_description: string;
}

const MAX_NAME = 100;

const MAX_REDIRECT_URIS = 50;

/** Characters of all addresses together, as they are kept. */
const MAX_REDIRECT_TEXT = 4000;

const UNNAMED = "Unnamed client";

/**
 * Reads a registration (RFC 7591 section 2). Members that mean nothing here are ignored, as the
 * section asks; so are redirect URIs that are not allowed, as long as another one is: some hosts
 * list those of all their platforms.
 */
function parseRegistration(body: JsonValue): Registration | RegistrationFault {
  if (!isJsonObject(body)) return fault("invalid_client_metadata", "The body must be an object.");
  const { redirect_uris: uris, client_name: name } = body;
  const isList = Array.isArray(uris) && uris.every((uri) => typeof uri === "string");
  if (!isList || uris.length === 0 || uris.length > MAX_REDIRECT_URIS) {
    const wanted = `redirect_uris must be a list of 1 to ${MAX_REDIRECT_URIS} strings.`;
    return fault("invalid_redirect_uri", wanted);
  }
  const allowed = [...new Set(uris.filter(isAllowedRedirectUri))];
  if (allowed.length === 0) {
    return fault(
      "invalid_redirect_uri",
      "None of redirect_uris is allowed: use https, http to 127.0.0.1, localhost or [::1], or an " +
        "app's scheme that is a domain in reverse order, such as com.example.app:/done; without " +
        "fragment and user name.",
    );
  }
  if (allowed.join("").length > MAX_REDIRECT_TEXT) {
    const wanted = `redirect_uris must have at most ${MAX_REDIRECT_TEXT} characters together.`;
    return fault("invalid_redirect_uri", wanted);
  }
  return { name: nameOf(name), redirect_uris: allowed };
}

/** A name that a page has room for; what stands in it is shown for what it is. */
export function nameOf(name: JsonValue | undefined): string {
  const text = typeof name === "string" ? name.trim() : "";
  return [...text].slice(0, MAX_NAME).join("").toWellFormed() || UNNAMED;
}

function fault(error: RegistrationFault["error"], error_description: string): RegistrationFault {
  return { error, error_description };
}
