import { isJsonObject, type JsonValue } from "../json/json_value.ts";
import { isAllowedRedirectUri } from "./redirect_uri.ts";

/** What a client says of itself, as far as anything here depends on it. */
export interface Registration {
  readonly name: string;
  /** At least one. */
  readonly redirect_uris: readonly string[];
}

/** Why a registration is refused (RFC 7591 section 3.2.2). */
export interface RegistrationFault {
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
export function parseRegistration(body: JsonValue): Registration | RegistrationFault {
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
