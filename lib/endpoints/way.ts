import type { Reader, Transaction } from "../ledger/transaction.ts";
import type { Services } from "../services.ts";
import type { EndpointFields, EndpointKind, Hearing } from "../store/records/endpoint.ts";
import type { Ask } from "./ask.ts";
import type { TryOutcome } from "./delivery.ts";
import type { ToldEvent } from "./told.ts";

/** What tells one kind of endpoint from another: everything else is the same for all. */

export type Delivering = Pick<Services, "deps" | "ledgers" | "settings">;

/** What is sent, and to what. */
export interface Sending<E> {
  readonly org: string;
  readonly endpoint: E;
  readonly told: ToldEvent;
  /** Whether it was tried before, and may have arrived. */
  readonly is_again: boolean;
  /** By what the host knows the request that this is about; null where it never said. */
  readonly external_id: string | null;
}

/** How endpoints of one kind are kept and asked. */
export interface EndpointWay<E extends EndpointFields> {
  readonly kind: EndpointKind;
  /** By `reader.get`, so that what a try tells of it is written to what it is; null when it is gone. */
  readonly load: (reader: Reader, id: string) => Promise<E | null>;
  readonly store: (transaction: Transaction, endpoint: E) => void;
  readonly scopeOf: (endpoint: E) => Hearing["scope"];
  /** Why there is nothing to say of an event any more, where not all of them are told; null to tell it. */
  readonly moot?: (told: ToldEvent, endpoint: E) => string | null;
  /** What owners are told that it is, within a sentence. */
  readonly called: (endpoint: E) => string;
  /**
   * Sends what is told, by one request or by several, and reads what is answered. What `ask` throws
   * may be left to whoever calls.
   */
  readonly send: (
    services: Delivering,
    ask: Ask,
    sending: Sending<E>,
  ) => Promise<TryOutcome>;
}
