import { systemTimer } from "../../lib/store/system.ts";
import { accessOf } from "../../lib/vault/refresh.ts";
import { Countersign, TestClock } from "../helpers/countersign.ts";

/**
 * A node in a process of its own over a store that it shares: says which access token it would send,
 * for who asks, and by which clock.
 */

const [path = "", secret = "", hosts = "", org = "", id = "", at = ""] = Deno.args;

const kv = await Deno.openKv(path);
const clock = new TestClock(Number(at));
const node = await Countersign.start({
  kv,
  clock,
  secret: Uint8Array.fromHex(secret),
  variables: { COUNTERSIGN_PRIVATE_HOSTS: hosts },
  deps: { timer: (milliseconds) => systemTimer(milliseconds === 200 ? 5 : milliseconds) },
});

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => console.log(`at http://127.0.0.1:${port}`),
}, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/later") {
    clock.advance(Number(await request.text()));
    return new Response();
  }
  const got = await accessOf(node.services, org, id);
  return new Response("token" in got ? got.token : got.why);
});
