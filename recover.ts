/**
 * Lets somebody in again who has lost every passkey, and mailbox or recovery codes too:
 *
 *     deno task recover EMAIL
 *
 * Prints a link that takes a new passkey for the account, for an hour. Reads the settings of
 * `deno task start`. Exit status: 0 a link was printed, 1 no account has the address, 2 wrong usage
 * or a store that does not open.
 */

import { makeRecoveryLink, recoveryLinkNotice } from "./lib/people/recover.ts";
import { runCommand, UNUSABLE } from "./lib/server/wiring.ts";
import { taskCommand } from "./lib/store/system.ts";

const UNKNOWN = 1;

async function recover(args: readonly string[]): Promise<number> {
  const [email, ...more] = args;
  if (email === undefined || more.length > 0 || !email.includes("@")) {
    console.error(`Usage: ${taskCommand("recover EMAIL")}`);
    return UNUSABLE;
  }
  return await runCommand(async (services, print) => {
    const link = await makeRecoveryLink(services, email.toLowerCase());
    if (link === null) {
      console.error(`No account has the address ${email}. Members who never signed in have none.`);
      return UNKNOWN;
    }
    print(recoveryLinkNotice(link));
    return 0;
  });
}

Deno.exit(await recover(Deno.args));
