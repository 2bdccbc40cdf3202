import type { Via } from "../policy/chain.ts";

/** Where a request came from; kept in the private part of its entry. */
export interface Client {
  readonly ip: string | null;
  readonly user_agent: string | null;
  /** The id that the answer carries and the logs name. */
  readonly request_id: string;
  readonly via: Via;
}
