import { taskCommand } from "../settings/operator_console.ts";
import type { SetUpLink } from "./links.ts";

/** What the start prints while the deployment has no owner with a passkey. */
export function setUpNotice({ url, organization, email, expires_at }: SetUpLink): string {
  const place = organization === null
    ? "the owner of a new organization"
    : `an owner of the organization "${organization}"`;
  const who = email === null ? "whoever opens it" : email;
  const until = new Date(expires_at).toISOString().slice(0, 16).replace("T", " ");
  const notice = `Nobody owns this deployment yet. Open this link where you want your passkey:

  ${url}

It makes ${who} ${place}.
It works once, until ${until} UTC; each start makes a new one in its place
until there is an owner with a passkey. Keep it to yourself.`;
  return organization === null ? `${notice}\n\n${withoutBrowser()}` : notice;
}

function withoutBrowser(): string {
  return `Without a browser, for REST only: stop, and start once with a key of your own:

  COUNTERSIGN_BOOTSTRAP_KEY="cs_mgmt_$(openssl rand -hex 24)" ${taskCommand("start")}

That makes the organization "default" with this management key. Keep the key: it is not stored.`;
}
