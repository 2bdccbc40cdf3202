import { HeldCalls } from "../approvals/held_calls.ts";
import { IdMaker } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import { ProcessTimes } from "../health/process_times.ts";
import { Credentials } from "../identity/credentials.ts";
import { FailedAttempts } from "../identity/failed_attempts.ts";
import { LargeBodies } from "../identity/large_bodies.ts";
import { SourceLimits } from "../identity/limits.ts";
import { LastUsed } from "../identity/noted.ts";
import { OpenAnswers } from "../identity/open_answers.ts";
import { RateLimits } from "../identity/rate_limit.ts";
import { Ledgers } from "../ledger/ledgers.ts";
import { Readiness } from "../ledger/readiness.ts";
import { KV_CONNECT_LIMITS, KV_LIMITS } from "../ledger/transaction.ts";
import { ForwardedFor } from "../net/forwarded_for.ts";
import { FetchedDocuments } from "../oauth/documents.ts";
import type { Services } from "../services.ts";
import { PatientStore } from "../store/patient_store.ts";
import { isRemote } from "../store/store_address.ts";
import { WatchedRows } from "../store/watched_rows.ts";
import type { Settings } from "./settings.ts";

/** The services over one store. `stopping` is aborted by whoever ends the process. */
export function makeServices(
  given: Deps,
  settings: Settings,
  stopping: AbortSignal = new AbortController().signal,
): Services {
  const store = new PatientStore(given.kv, given);
  const deps: Deps = { ...given, kv: store };
  const ledgers = new Ledgers(deps, isRemote(settings.kv) ? KV_CONNECT_LIMITS : KV_LIMITS);
  return {
    deps,
    settings,
    ledgers,
    credentials: new Credentials(ledgers),
    rateLimits: new RateLimits(),
    sourceLimits: new SourceLimits(),
    largeBodies: new LargeBodies(),
    lastUsed: new LastUsed(ledgers),
    failedAttempts: new FailedAttempts(ledgers),
    ids: new IdMaker(deps.random),
    metadataDocuments: new FetchedDocuments(deps),
    forwardedFor: new ForwardedFor(settings.trusted_proxies, deps.log),
    held: new HeldCalls(),
    answers: new OpenAnswers(deps),
    processTimes: new ProcessTimes(ledgers, store.health),
    watchedRows: new WatchedRows(deps),
    readiness: new Readiness(ledgers, store.health),
    stopping,
  };
}
