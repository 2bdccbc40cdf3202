import type { Deps } from "./deps.ts";
import type { IdMaker } from "./ids/id.ts";
import type { Credentials } from "./identity/credentials.ts";
import type { RateLimits } from "./identity/rate_limit.ts";
import type { Ledgers } from "./ledger/ledgers.ts";
import type { Settings } from "./settings/settings.ts";

/** What the surfaces are built on: made once at start, or by a test. */
export interface Services {
  readonly deps: Deps;
  readonly settings: Settings;
  readonly ledgers: Ledgers;
  readonly credentials: Credentials;
  readonly rateLimits: RateLimits;
  readonly ids: IdMaker;
}
