import { systemRandom, systemTimer } from "./lib/deps.ts";
import { makeServices } from "./lib/make_services.ts";
import { bootstrap } from "./lib/orgs/bootstrap.ts";
import { logLine } from "./lib/settings/log_line.ts";
import { secretFromFolder } from "./lib/settings/secret_file.ts";
import { isFile, readSettings, SettingRefused } from "./lib/settings/settings.ts";
import { openStore } from "./lib/store/open_store.ts";
import { Sealer } from "./lib/store/sealing.ts";
import { app } from "./routes/app.ts";

const NO_ORG =
  `There is no organization yet, so nothing can be asked. Start once with a key of your own:

  COUNTERSIGN_BOOTSTRAP_KEY="cs_mgmt_$(openssl rand -hex 24)" deno task start

That makes the organization "default" with this management key. Keep the key: it is not stored.`;

async function start(): Promise<void> {
  const settings = readSettings((variable) => Deno.env.get(variable));
  const secret = settings.secret ?? await secretFromFolder("config", settings.kv, systemRandom);
  const kv = await openStore(settings.kv);
  const services = makeServices({
    kv,
    queues: isFile(settings.kv) || settings.kv === ":memory:",
    sealer: new Sealer(secret, settings.previous_secret, systemRandom),
    now: Date.now,
    random: systemRandom,
    timer: systemTimer,
    log: logLine,
  }, settings);
  const { outcome } = await bootstrap(services);
  if (outcome === "nothing") console.log(NO_ORG);

  const handler = app(services);
  const server = Deno.serve(
    {
      port: settings.port,
      onListen: ({ port }) =>
        logLine("info", "Countersign listens", { port, url: settings.url.origin }),
    },
    (request, connection) => handler.fetch(request, connection),
  );
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    logLine("info", "Stopping: finishing the requests under way");
    await server.shutdown();
    kv.close();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, stop);
  await server.finished;
}

try {
  await start();
} catch (error) {
  if (!(error instanceof SettingRefused)) throw error;
  console.error(error.message);
  Deno.exit(2);
}
