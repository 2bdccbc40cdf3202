import type { Client } from "../../lib/identity/client.ts";
import type { JsonObject } from "../../lib/json/json_value.ts";
import type { Services } from "../../lib/services.ts";

/** One request of a program that wants to act for somebody, or asks how. */
export interface OAuthCall {
  readonly services: Services;
  readonly request: Request;
  readonly client: Client;
}

/** An answer in JSON; `null` has no body. */
export interface OAuthAnswer {
  readonly status: number;
  readonly body: JsonObject | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What MCP clients ask of the authorization server. They are programs, some of them in pages of
 * other sites: any origin may read the answers, and no cookie counts.
 */
export interface OAuthEndpoint {
  readonly method: "get" | "post";
  readonly path: string;
  readonly handle: (call: OAuthCall) => Promise<OAuthAnswer> | OAuthAnswer;
}
