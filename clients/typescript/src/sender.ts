/** What sends requests, as those see it that say what to send. */

/** How one request goes. */
export interface Sending {
  /** Done once however often it is sent, and so sent again where no answer came. */
  readonly once?: true;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
  /** The version that a change was made from; the service refuses it for another. */
  readonly ifMatch?: string;
  /** How long the service may hold its answer, besides. */
  readonly heldSeconds?: number;
  readonly signal?: AbortSignal;
}

/** What sends requests. */
export interface Sender {
  /** A route that is read. */
  get<T>(path: string, accepts: Accepts<T>, sending?: Sending): Promise<T>;
  /** A route that is posted to. */
  post<T>(path: string, body: object, accepts: Accepts<T>, sending?: Sending): Promise<T>;
}

/** Whether something is the answer that is looked for. */
export type Accepts<T> = (value: unknown) => value is T;
