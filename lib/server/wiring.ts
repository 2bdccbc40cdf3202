import { IdMaker } from "../base/id.ts";
import type { Deps } from "../deps.ts";
import { Credentials } from "../identity/credentials.ts";
import {
  ForwardedFor,
  HeldCalls,
  OpenSockets,
  RateLimits,
  RunningCalls,
  SourceLimits,
} from "../identity/limits.ts";
import { FailedAttempts, LastUsed, ProcessTimes } from "../identity/noted.ts";
import { LargeBodies, OpenAnswers } from "../identity/open_answers.ts";
import { Ledgers } from "../ledger/ledgers.ts";
import { Readiness } from "../ledger/readiness.ts";
import { KV_CONNECT_LIMITS, KV_LIMITS } from "../ledger/commit_limits.ts";
import { FetchedDocuments } from "../oauth/documents.ts";
import { guardedFetch, hostFetch, keepingFetch } from "../outside/guarded_fetch.ts";
import { HostSlots } from "../outside/host_slots.ts";
import { internet } from "../outside/internet.ts";
import { consoleMailer, smtpMailer } from "../outside/mailer.ts";
import { guardedPush } from "../outside/push.ts";
import type { Services, Settings } from "../services.ts";
import { type Kv, PatientStore } from "../store/kv.ts";
import { assertExists, openStore, overStore, proveSecret } from "../store/open_store.ts";
import { Sealer } from "../store/sealing.ts";
import { isFile, isRemote, StoreRefused } from "../store/store_faults.ts";
import {
  afterTurn,
  CoarseTimer,
  everyMinute,
  logLine,
  systemMonotonic,
  systemRandom,
  systemTimer,
} from "../store/system.ts";
import { WatchedRows } from "../store/watched_rows.ts";
import { UpstreamConnections } from "../upstreams/connections.ts";
import type { HostPrograms } from "../upstreams/host_file.ts";
import { operatorConsole, secretFromFile } from "./console.ts";
import { migrate } from "./migrations.ts";
import { SettingRefused } from "./rights.ts";
import { readSettings } from "./settings.ts";

/**
 * Puts a deployment together: what comes from outside, the services over it, and commands that run
 * over the same.
 */

/** How many ask hosts that members name: one that hangs has two connections, and no other waits. */
const SLOTS = { at_once: 2, waiting: 200, in_all: 500 };

/**
 * How many ask upstreams: calls have places of their own (`MAX_IN_FLIGHT`) and take long, so slots are
 * no narrower, and no call takes one of those above.
 */
const UPSTREAM_SLOTS = { at_once: 64, waiting: 200, in_all: 500 };

/**
 * What comes from outside, as this system and the settings have it.
 * @param programs the upstreams that are programs of this host
 */
export function systemDeps(
  settings: Pick<Settings, "kv" | "url" | "mail" | "previous_secret" | "private_hosts">,
  kv: Kv,
  secret: Uint8Array,
  programs: HostPrograms = new Map(),
): Deps {
  const strangers = guardedFetch(internet, systemTimer);
  const ways = { network: internet, timer: systemTimer, named: settings.private_hosts };
  return {
    kv,
    queues: isFile(settings.kv) || settings.kv === ":memory:",
    sealer: new Sealer(secret, settings.previous_secret, systemRandom),
    now: Date.now,
    monotonic: systemMonotonic,
    afterTurn,
    everyMinute,
    random: systemRandom,
    timer: systemTimer,
    log: logLine,
    mail: settings.mail === null
      ? consoleMailer(operatorConsole(settings))
      : smtpMailer(settings.mail, settings.url.hostname, systemTimer),
    push: guardedPush(strangers),
    strangers,
    hosts: hostFetch({ ...ways, slots: new HostSlots(SLOTS) }),
    upstreams: new UpstreamConnections({
      keeping: keepingFetch({
        ...ways,
        slots: new HostSlots(UPSTREAM_SLOTS),
        monotonic: systemMonotonic,
      }),
      timer: systemTimer,
      programs,
      monotonic: systemMonotonic,
    }),
  };
}

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
    bodyTimer: new CoarseTimer(deps, 1000),
    lastUsed: new LastUsed(ledgers),
    failedAttempts: new FailedAttempts(ledgers),
    ids: new IdMaker(deps.random),
    metadataDocuments: new FetchedDocuments(deps),
    forwardedFor: new ForwardedFor(settings.trusted_proxies, deps.log),
    held: new HeldCalls(),
    running: new RunningCalls(),
    sockets: new OpenSockets(),
    answers: new OpenAnswers(deps),
    processTimes: new ProcessTimes(ledgers, store.health),
    watchedRows: new WatchedRows(deps),
    readiness: new Readiness(ledgers, store.health),
    stopping,
  };
}

/** The exit status of wrong usage, and of a store that does not open. */
export const UNUSABLE = 2;

/** What a command does with the deployment; answers its exit status. */
type Command = (services: Services, print: (text: string) => void) => Promise<number>;

/**
 * Runs a command of whoever operates the host, over the store and by the settings of
 * `deno task start`. Answers the exit status: that of the command, or 2 after one message when
 * settings or store are not as they must be.
 */
export async function runCommand(command: Command): Promise<number> {
  try {
    return await run(command);
  } catch (error) {
    if (!(error instanceof SettingRefused || error instanceof StoreRefused)) throw error;
    console.error(error.message);
    return UNUSABLE;
  }
}

async function run(command: Command): Promise<number> {
  const settings = readSettings((variable) => Deno.env.get(variable));
  if (isFile(settings.kv)) await assertExists(settings.kv);
  const secret = settings.secret ?? await secretFromFile(settings.kv, systemRandom);
  const kv = await openStore(settings.kv);
  try {
    return await overStore(settings.kv, async () => {
      const deps = systemDeps(settings, kv, secret);
      await proveSecret(deps);
      const services = makeServices(deps, settings);
      await migrate(services);
      return await command(services, operatorConsole(settings));
    });
  } finally {
    kv.close();
  }
}
