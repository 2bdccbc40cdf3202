import { Countersign, TestClock } from "../tests/helpers/countersign.ts";
import { percentile } from "./percentile.ts";

/** Medians of whole requests, milliseconds. */
export interface MeasuredPages {
  /** A signed-in page with an empty list. */
  readonly bare: number;
  /** The first page of the inbox with `INBOX_REQUESTS` that wait. */
  readonly inbox: number;
}

/** As many as may wait in an organization. */
export const INBOX_REQUESTS = 500;
/** As many of them as a page of the inbox has. */
const INBOX_ROWS = 50;
/** As many as one requester may have waiting. */
const A_REQUESTER = 20;
const ROUNDS = 60;

/** How long an empty page and a full inbox take, each over HTTP to the last byte, taking turns. */
export async function measurePages(): Promise<MeasuredPages> {
  await using countersign = await Countersign.start({ clock: new TestClock(Date.now()) });
  const org = await countersign.org();
  const { secret } = await org.signedIn("owner");
  await org.tool("refund_payment", { default_permission: "requires_approval" });
  for (let requester = 0; requester * A_REQUESTER < INBOX_REQUESTS; requester++) {
    const token = await org.agent({ name: `agent ${requester}` });
    for (let n = 0; n < A_REQUESTER; n++) {
      const { status } = await org.post("/v1/approvals", {
        tool_name: "refund_payment",
        resource_id: `order-${n}`,
        arguments: { amount: 4000 + n },
        reason: "The parcel arrived broken, says the customer.",
      }, token);
      if (status !== 201) throw new Error(`A request to approve was answered ${status}`);
    }
  }
  const take = async (path: string): Promise<number> => {
    const start = performance.now();
    const response = await fetch(countersign.origin + path, {
      headers: { cookie: `countersign_session=${secret}` },
    });
    const html = await response.text();
    const taken = performance.now() - start;
    if (response.status !== 200) throw new Error(`${path} was answered ${response.status}`);
    const rows = html.split('data-request="').length - 1;
    if (path === "/approvals" && rows !== INBOX_ROWS) {
      throw new Error(`The inbox shows ${rows} of the requests that wait`);
    }
    return taken;
  };
  const times = { bare: [] as number[], inbox: [] as number[] };
  for (let round = -5; round < ROUNDS; round++) {
    const [bare, inbox] = [await take("/tenants"), await take("/approvals")];
    if (round < 0) continue;
    times.bare.push(bare);
    times.inbox.push(inbox);
  }
  const median = (list: number[]) => percentile(Float64Array.from(list).sort(), 0.5);
  return { bare: median(times.bare), inbox: median(times.inbox) };
}

if (import.meta.main) {
  const { bare, inbox } = await measurePages();
  console.log(
    `bare page ${bare.toFixed(2)} ms, inbox with ${INBOX_REQUESTS} requests ${
      inbox.toFixed(2)
    } ms: ${(inbox / bare).toFixed(1)} times`,
  );
}
