import { bootstrap, idleBootstrapKeys } from "./lib/catalog/create_org.ts";
import { offerPrograms } from "./lib/gateway/host_programs.ts";
import { makeSetUpLink, setUpNotice } from "./lib/people/set_up.ts";
import { movedNotice, movedPasskeys } from "./lib/people/recover.ts";
import { dropSecrets, operatorConsole, secretFromFile } from "./lib/server/console.ts";
import { startDueWork } from "./lib/server/due_worker.ts";
import { migrate } from "./lib/server/migrations.ts";
import { SettingRefused } from "./lib/server/rights.ts";
import { startSecretRotation } from "./lib/server/rotation.ts";
import { movedApis, readSettings } from "./lib/server/settings.ts";
import { makeServices, systemDeps } from "./lib/server/wiring.ts";
import type { Services } from "./lib/services.ts";
import { openStore, overStore, proveSecret } from "./lib/store/open_store.ts";
import { PLATFORM_STORE, StoreRefused } from "./lib/store/store_faults.ts";
import { logLine, systemRandom, systemTimer, taskCommand } from "./lib/store/system.ts";
import {
  HostFileRefused,
  loadHostFile,
  RUNS_PROGRAMS,
  withEnvironment,
} from "./lib/upstreams/host_file.ts";
import { app, drainable } from "./routes/app.ts";
import { missingBundle } from "./routes/http/assets.ts";

/** The exit status of a start that was refused; 1 is a process that was forced or failed. */
const REFUSED = 2;

/** How long requests under way may take to finish: a body has 10 seconds to arrive. */
const GRACE_MS = 15_000;

/** How much longer than another process may take to stop a start waits for its store. */
const PATIENCE_MS = 15_000;

const IDLE_KEYS =
  "Keys of the environment that let nobody in: COUNTERSIGN_BOOTSTRAP_KEY makes the " +
  "first organization, with the approver key beside it, and changes none that is there. Unset them and " +
  "use a key of the organization, or start with an empty store (COUNTERSIGN_KV=data/another.kv)";

/** How long signals after the first are taken for the same wish to stop. */
const SAME_WISH_MS = 1000;

async function start(): Promise<void> {
  const settings = readSettings((variable) => Deno.env.get(variable));
  const programs = Deno.args.includes(RUNS_PROGRAMS)
    ? withEnvironment(await loadHostFile(), (variable) => Deno.env.get(variable))
    : undefined;
  const secret = settings.secret ?? await secretFromFile(settings.kv, systemRandom);
  const drainMs = settings.drain_seconds * 1000;
  // Where restarts drain, the one that is drained holds the store until it ends.
  const kv = await openStore(settings.kv, drainMs === 0 ? 0 : drainMs + GRACE_MS + PATIENCE_MS);
  const readable = await dropSecrets();
  // The platform gives rights as it sees fit; nobody there could do anything about them.
  if (readable.length > 0 && settings.kv !== PLATFORM_STORE) {
    logLine("warn", `Secrets stay readable: start it by \`${taskCommand("start")}\``, {
      readable: readable.join(", "),
    });
  }
  const deps = systemDeps(settings, kv, secret, programs);
  const stopping = new AbortController();
  const { services, notices } = await overStore(settings.kv, async () => {
    await proveSecret(deps);
    const services = makeServices(deps, settings, stopping.signal);
    const notices = await prepare(services);
    if (programs !== undefined) await offerPrograms(services, programs);
    return { services, notices };
  });
  if (settings.private_hosts.size > 0) {
    logLine("info", "Hosts that may be asked although they are private", {
      hosts: [...settings.private_hosts].join(", "),
    });
  }
  const moved = movedApis(settings.channels);
  if (Object.keys(moved).length > 0) {
    logLine("info", "APIs of channels that are asked elsewhere", moved);
  }
  const missing = missingBundle();
  if (missing !== null) logLine("warn", missing);
  services.lastUsed.start();
  services.failedAttempts.start();
  services.processTimes.start();
  const dueWork = startDueWork(services);

  const handler = drainable(app(services), services);
  const server = listen(settings.port, (request, connection) => handler.fetch(request, connection));
  // Not before its port is its own: these links would lead to what else listens there.
  const print = operatorConsole(settings);
  for (const notice of notices) print(`\n${notice}\n`);
  const rotation = startSecretRotation(services);
  onStop(async () => {
    services.readiness.drain();
    if (drainMs > 0) {
      logLine("info", "Draining: serving on, not ready", { seconds: settings.drain_seconds });
      await systemTimer(drainMs).elapsed;
    }
    stopping.abort();
    // A peer that never finishes its body keeps its connection open after the answer.
    const grace = systemTimer(GRACE_MS);
    await Promise.race([handler.drained().then(() => server.shutdown()), grace.elapsed]);
    grace.cancel();
    await Promise.all([
      services.lastUsed.stop(),
      services.failedAttempts.stop(),
      services.processTimes.stop(),
      dueWork.stop(),
      rotation.stop(),
      deps.upstreams.close(),
    ]);
    kv.close();
    logLine("info", "Stopped");
    Deno.exit(0);
  });
  logLine("info", "Countersign listens", { port: server.addr.port, url: settings.url.origin });
}

/** What is looked at and made in the store before anybody is served; answers what the operator is told. */
async function prepare(services: Services): Promise<string[]> {
  const { settings } = services;
  await services.processTimes.look();
  await migrate(services);
  await bootstrap(services);
  const idle = await idleBootstrapKeys(services);
  if (idle.length > 0) logLine("warn", IDLE_KEYS, { variables: idle.join(", ") });
  const setUpLink = await makeSetUpLink(services);
  const moved = await movedPasskeys(services);
  return [
    ...setUpLink === null ? [] : [setUpNotice(setUpLink, settings.kv === PLATFORM_STORE)],
    ...moved === null ? [] : [movedNotice(moved, settings.url.hostname)],
  ];
}

function listen(port: number, handler: Deno.ServeHandler<Deno.NetAddr>) {
  try {
    return Deno.serve({ port, onListen: () => {} }, handler);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new SettingRefused(
        "PORT",
        `${port} is in use. Stop what listens there, or give another.`,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new SettingRefused("PORT", `${port} is not for this user. Give one above 1023.`);
    }
    throw error;
  }
}

/**
 * Requests under way are finished; whoever cannot wait for that signals again. One wish to stop can
 * arrive as several signals: from the terminal and the service manager, which tell every process of
 * the group, and from each launcher in between, which passes on what it got.
 */
function onStop(stop: () => Promise<void>): void {
  let isStopping = false;
  let isForcing = false;
  const onSignal = () => {
    if (isForcing) {
      logLine("warn", "Stopped at once: requests under way were cut off");
      Deno.exit(1);
    }
    if (isStopping) return;
    isStopping = true;
    logLine("info", "Stopping: finishing the requests under way");
    void stop();
    void systemTimer(SAME_WISH_MS).elapsed.then(() => {
      isForcing = true;
      logLine("info", "Still stopping; signal again to stop at once");
    });
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  if (Deno.args.includes("--until-input-ends")) void inputEnded().then(onSignal);
}

/** Resolves when the launcher, which holds the other end and writes nothing, is gone. */
async function inputEnded(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
}

try {
  await start();
} catch (error) {
  const isRefused = error instanceof SettingRefused || error instanceof StoreRefused ||
    error instanceof HostFileRefused;
  if (!isRefused) throw error;
  console.error(error.message);
  Deno.exit(REFUSED);
}
