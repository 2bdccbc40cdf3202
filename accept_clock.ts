/**
 * Says that the clock of this machine is right where an organization's log is ahead of it, because a
 * clock that was wrong has written into it:
 *
 *     deno task accept-clock [ORG]
 *
 * Without an organization it lists those whose log is ahead; `deployment` stands for the log of the
 * deployment itself. Reads the settings of `deno task start`. Exit status: 0 the clock was accepted
 * or agrees, 1 there is no such organization, 2 wrong usage or a store that does not open.
 */

import { logsAhead } from "./lib/ledger/readiness.ts";
import { acceptClockAsOperator } from "./lib/server/clock.ts";
import { runCommand, UNUSABLE } from "./lib/server/wiring.ts";
import type { Services } from "./lib/services.ts";
import { DEPLOYMENT_ORG, logHeadKey } from "./lib/store/keys.ts";
import { taskCommand } from "./lib/store/system.ts";

const UNKNOWN = 1;

type Print = (text: string) => void;

async function acceptClock(args: readonly string[]): Promise<number> {
  const [name, ...more] = args;
  if (more.length > 0) {
    console.error(`Usage: ${taskCommand("accept-clock [ORG]")}`);
    return UNUSABLE;
  }
  const org = name === "deployment" ? DEPLOYMENT_ORG : name;
  return await runCommand((services, print) =>
    org === undefined ? list(services, print) : accept(services, org, print)
  );
}

async function list({ deps }: Services, print: Print): Promise<number> {
  let count = 0;
  for await (const { org, at } of logsAhead(deps)) {
    count++;
    print(`${org}  newest entry of ${text(at)}`);
  }
  print(`${count} logs are ahead of the clock, which shows ${text(deps.now())}.`);
  return 0;
}

async function accept(services: Services, org: string, print: Print): Promise<number> {
  const { deps, ledgers, processTimes } = services;
  if ((await deps.kv.get([...logHeadKey(org)])).versionstamp === null) {
    console.error(`There is no organization ${org}. Give its id, which begins with org_.`);
    return UNKNOWN;
  }
  await processTimes.look();
  const jump = await ledgers.transact(org, acceptClockAsOperator(ledgers.clock));
  print(
    jump === null
      ? `There is nothing to accept: the log of ${org} is not ahead of the clock.`
      : `Accepted for ${org}: the clock is right with ${text(jump.to)}, and not ${
        text(jump.from)
      }.`,
  );
  return 0;
}

function text(time: number): string {
  return new Date(time).toISOString();
}

Deno.exit(await acceptClock(Deno.args));
