import type { HeldCalls } from "./approvals/held_calls.ts";
import type { IdMaker } from "./base/id.ts";
import type { Deps } from "./deps.ts";
import type { ProcessTimes } from "./health/process_times.ts";
import type { Credentials } from "./identity/credentials.ts";
import type { FailedAttempts } from "./identity/failed_attempts.ts";
import type { LargeBodies } from "./identity/large_bodies.ts";
import type { SourceLimits } from "./identity/limits.ts";
import type { LastUsed } from "./identity/noted.ts";
import type { OpenAnswers } from "./identity/open_answers.ts";
import type { RateLimits } from "./identity/rate_limit.ts";
import type { Ledgers } from "./ledger/ledgers.ts";
import type { Readiness } from "./ledger/readiness.ts";
import type { ForwardedFor } from "./net/forwarded_for.ts";
import type { MetadataDocuments } from "./oauth/client.ts";
import type { Settings } from "./server/settings.ts";
import type { WatchedRows } from "./store/watched_rows.ts";

/** What the surfaces are built on: made once at start, or by a test. */
export interface Services {
  readonly deps: Deps;
  readonly settings: Settings;
  readonly ledgers: Ledgers;
  readonly credentials: Credentials;
  readonly rateLimits: RateLimits;
  readonly sourceLimits: SourceLimits;
  readonly largeBodies: LargeBodies;
  readonly lastUsed: LastUsed;
  readonly failedAttempts: FailedAttempts;
  readonly ids: IdMaker;
  readonly metadataDocuments: MetadataDocuments;
  readonly forwardedFor: ForwardedFor;
  readonly held: HeldCalls;
  readonly answers: OpenAnswers;
  readonly processTimes: ProcessTimes;
  readonly watchedRows: WatchedRows;
  readonly readiness: Readiness;
  /** Aborted when the process begins to stop: a held request then answers at once. */
  readonly stopping: AbortSignal;
}
