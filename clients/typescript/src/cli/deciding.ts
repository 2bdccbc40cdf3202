import { opened } from "./browser.ts";
import type { Call, Command } from "./command.ts";
import type { Exit } from "./exit.ts";
import { clean } from "./shown.ts";
import { decided, LONGEST_WAIT, tellApproval, WAIT } from "./waiting.ts";

/**
 * `approve` and `deny` open the page of a request: a passkey decides, before what it shows, and
 * nothing that a terminal could be made to type.
 */

async function run(call: Call, suffix: string): Promise<Exit> {
  const wait = call.number("wait", 0, LONGEST_WAIT);
  const countersign = await call.service();
  const approval = await countersign.approvals.get(call.needed("request"));
  if (approval.status !== "pending") return tellApproval(call, approval);
  const page = new URL(approval.review_url);
  page.pathname += suffix;
  // What a browser is made to open is this service's, whatever the answer says.
  const isOwn = page.origin === countersign.ways.url.origin;
  const isOpen = isOwn && !call.flag("print") && await opened(call.machine, page);
  call.note(`${isOpen ? "It opens" : "Decide at"} ${clean(page.href)}`);
  return tellApproval(call, await decided(countersign, approval, wait));
}

const args = {
  request: { type: "positional", description: "Its reference (REF-…) or id" },
  print: { type: "boolean", description: "Print the page's address, and open nothing" },
  wait: WAIT,
} as const;

export const approve: Omit<Command, "about"> = { args, run: (call) => run(call, "") };
export const deny: Omit<Command, "about"> = { args, run: (call) => run(call, "/deny") };
