import { IdMaker } from "./ids/id.ts";
import { Credentials } from "./identity/credentials.ts";
import { RateLimits } from "./identity/rate_limit.ts";
import { Ledgers } from "./ledger/ledgers.ts";
import type { Deps } from "./deps.ts";
import type { Services } from "./services.ts";
import type { Settings } from "./settings/settings.ts";

/** The services over one store. */
export function makeServices(deps: Deps, settings: Settings): Services {
  const ledgers = new Ledgers(deps);
  return {
    deps,
    settings,
    ledgers,
    credentials: new Credentials(ledgers),
    rateLimits: new RateLimits(),
    ids: new IdMaker(deps.random),
  };
}
