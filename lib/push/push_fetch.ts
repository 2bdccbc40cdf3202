/** A request to a push service (RFC 8030 section 5). */
export interface PushRequest {
  /** Where a browser said that its pushes go. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a push service answered; its body is of no use. */
export interface PushResponse {
  readonly status: number;
  /** `Retry-After` in seconds, where there is one. */
  readonly retry_after_seconds: number | null;
}

/**
 * Posts to a push service.
 * @throws {EndpointRefused} for an address that nothing is to be sent to, and what the network throws
 */
export type PushFetch = (request: PushRequest) => Promise<PushResponse>;

/** An endpoint is not one that a push service can have. */
export class EndpointRefused extends Error {
  readonly code = "endpoint_refused";
}
