import { taskCommand } from "../settings/operator_console.ts";
import type { MovedPasskeys } from "./moved_passkeys.ts";
import type { RecoveryLink } from "./recovery_link.ts";

/** What the operator is told who asked for a link. */
export function recoveryLinkNotice({ url, email, expires_at }: RecoveryLink): string {
  const until = new Date(expires_at).toISOString().slice(0, 16).replace("T", " ");
  return `Open this link in a browser of ${email}, once the service runs:

  ${url}

It ends the passkeys and sessions of that account and takes a new passkey. It works for one, until
${until} UTC. Whoever has it has the account: hand it to nobody else.`;
}

/** What the start says of owners whose passkeys were made for another host. */
export function movedNotice({ hosts, link }: MovedPasskeys, here: string): string {
  const what = `Owners have passkeys that work only at ${hosts.join(", ")}; this is ${here}.
Passkeys do not move: COUNTERSIGN_URL must stay, or everybody makes new ones.`;
  return link === null
    ? `${what} An owner can sign in here all the same;
\`${taskCommand("recover EMAIL")}\` lets the others in.`
    : `${what}

${recoveryLinkNotice(link)}`;
}
