import { type Deps, systemMonotonic, systemRandom, systemTimer } from "./deps.ts";
import { consoleMailer } from "./mail/console_mailer.ts";
import { guardedFetch } from "./outside/guarded_fetch.ts";
import { internet } from "./outside/internet.ts";
import { smtpMailer } from "./outside/mailer.ts";
import { guardedPush } from "./push/guarded_push.ts";
import type { Settings } from "./server/settings.ts";
import { operatorConsole } from "./settings/operator_console.ts";
import type { Kv } from "./store/kv.ts";
import { Sealer } from "./store/sealing.ts";
import { isFile } from "./store/store_address.ts";
import { logLine } from "./store/system.ts";

/** What comes from outside, as this system and the settings have it. */
export function systemDeps(
  settings: Pick<Settings, "kv" | "url" | "mail" | "previous_secret">,
  kv: Kv,
  secret: Uint8Array,
): Deps {
  const strangers = guardedFetch(internet, systemTimer);
  return {
    kv,
    queues: isFile(settings.kv) || settings.kv === ":memory:",
    sealer: new Sealer(secret, settings.previous_secret, systemRandom),
    now: Date.now,
    monotonic: systemMonotonic,
    random: systemRandom,
    timer: systemTimer,
    log: logLine,
    mail: settings.mail === null
      ? consoleMailer(operatorConsole(settings))
      : smtpMailer(settings.mail, settings.url.hostname, systemTimer),
    push: guardedPush(strangers),
    strangers,
  };
}
