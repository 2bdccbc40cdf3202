import type { TokenFault } from "../../lib/oauth/token_fault.ts";
import { readBody } from "../body.ts";
import { FORM, formValues, isForm } from "../form_values.ts";
import type { OAuthAnswer, OAuthCall } from "./oauth_endpoint.ts";

/** The parameters of a form. */
export class FormParameters {
  constructor(readonly values: ReadonlyMap<string, string>) {}

  /** Null when absent, or without a value, which is the same (RFC 6749 section 3.2). */
  get(name: string): string | null {
    return this.values.get(name) ?? null;
  }
}

/**
 * The parameters that a client sent, each once (RFC 6749 section 3.2).
 * @throws {Refusal} invalid_request, malformed_json for what is no form; {SurfaceRefusal}
 */
export async function formParameters(
  { request, services }: OAuthCall,
): Promise<FormParameters | TokenFault> {
  if (!isForm(request.headers)) {
    const error_description = `The body must be sent as Content-Type: ${FORM}.`;
    return { error: "invalid_request", error_description };
  }
  const fields = formValues(request.headers, await readBody(request, services.deps));
  const values = new Map<string, string>();
  for (const [name, [value = "", ...more]] of Object.entries(fields)) {
    if (more.length > 0) {
      // The name is the sender's: it goes back only where it can break nothing.
      const shown = /^[a-z_]{1,40}$/.test(name) ? name : "A parameter";
      return { error: "invalid_request", error_description: `${shown} is sent more than once.` };
    }
    if (value !== "") values.set(name, value);
  }
  return new FormParameters(values);
}

/**
 * Clients here have no secret. One that presents any is told in the scheme that it used, as RFC 6749
 * section 5.2 asks.
 */
export function presentsSecret({ headers }: Request): boolean {
  return headers.has("authorization");
}

/** A refusal as the token endpoint gives it. */
export function faultAnswer(fault: TokenFault): OAuthAnswer {
  const status = fault.error === "invalid_client" ? 401 : 400;
  return { status, body: { ...fault } };
}

/** The refusal of a client that presents a secret. */
export function secretAnswer(): OAuthAnswer {
  const error_description = "Clients have no secret here: send client_id in the form only.";
  return {
    ...faultAnswer({ error: "invalid_client", error_description }),
    headers: { "www-authenticate": 'Basic realm="countersign"' },
  };
}
