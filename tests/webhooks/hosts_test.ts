import assert from "node:assert/strict";
import { hostFetch } from "../../lib/outside/guarded_fetch.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { sweep } from "../../lib/server/due_worker.ts";
import { MINUTE } from "../helpers/alerted.ts";
import { assertProblem } from "../helpers/refused.ts";
import { HeldClocks, HostsNetwork } from "./hosts_network.ts";
import { WebhookOrg } from "./webhook_org.ts";

const PUBLIC = "93.184.216.34";
const OK = "HTTP/1.1 204 No Content\r\n\r\n";
const SLOTS = { at_once: 2, waiting: 200, in_all: 500 };

/** An org whose webhooks are on a network in memory. */
async function onNetwork(network: HostsNetwork, clocks = new HeldClocks(), named: string[] = []) {
  const slots = new HostSlots(SLOTS);
  const hosts = hostFetch({ network, timer: clocks.timer, named: new Set(named), slots });
  return { clocks, slots, world: await WebhookOrg.start({ deps: { hosts } }) };
}

/** Addresses that nothing may be sent to, whoever names them. */
const NOT_TO_BE_NAMED = [
  "http://hooks.example.com/",
  "https://hooks.example.com:8443/",
  "https://user@hooks.example.com/",
  "https://user:pass@hooks.example.com/",
  "https://:@hooks.example.com/",
  "https://hooks.example.com/#part",
  "https://localhost/",
  "https://api.localhost/",
  "https://printer.local/",
  "https://db.internal/",
  "https://intranet/",
  "https://169.254.169.254/latest/meta-data/",
  "https://metadata.google.internal/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://0x7f.1/",
  "https://0177.0.0.1/",
  "https://127.1/",
  "https://10.0.0.7/",
  "https://93.184.216.34/",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::ffff:a9fe:a9fe]/",
  "https://[fd00:ec2::254]/",
  "https://１２７.０.０.１/",
  "ftp://hooks.example.com/",
  "file:///etc/passwd",
  "hooks.example.com",
  "https://hooks.example.com/\r\nx: y",
  "",
];

Deno.test("an address that nothing may be sent to is refused when it is saved, new or changed", async () => {
  await using world = await WebhookOrg.start();
  const { org } = world.it;
  const { record } = await world.webhook();
  for (const url of NOT_TO_BE_NAMED) {
    const body = { url, events: ["approval.created"] };
    assertProblem(await org.manage("POST", "/v1/webhooks", body), 422, "invalid_request", "/url");
    const changed = await org.manage("PATCH", `/v1/webhooks/${record.id}`, { url });
    assertProblem(changed, 422, "invalid_request", "/url");
  }
});

/** What a public name may lead to when it is looked up, and must not. */
const NOT_TO_BE_REACHED = [
  ["169.254.169.254"],
  ["127.0.0.1"],
  ["10.1.2.3"],
  ["192.168.1.1"],
  ["100.100.100.200"],
  ["0.0.0.0"],
  ["::1"],
  ["::ffff:169.254.169.254"],
  ["fd00:ec2::254"],
  ["64:ff9b::7f00:1"],
  [PUBLIC, "10.0.0.1"],
  [],
];

Deno.test("what a name leads to is looked at when it is sent, and nothing private is connected to", async () => {
  let addresses: readonly string[] = [PUBLIC];
  const network = new HostsNetwork(() => addresses, () => ({ says: OK }));
  const { world: started } = await onNetwork(network);
  await using world = started;
  const { record } = await world.webhook();
  for (addresses of NOT_TO_BE_REACHED) {
    world.it.countersign.clock.advance(MINUTE);
    const tested = await world.it.org.manage("POST", `/v1/webhooks/${record.id}/test`);
    assert.equal(tested.status, 200, tested.text);
    assert.deepEqual(tested.body, {
      outcome: "failed",
      error: "The host hooks.example.com has no public address.",
    });
  }
  await world.it.pending();
  await world.pass(0);
  assert.deepEqual(network.connected, []);
  const [delivery] = await world.deliveries(record.id);
  assert.deepEqual(delivery?.attempts.map(({ status, error }) => [status, error]), [
    [null, "The host hooks.example.com has no public address."],
  ]);
});

Deno.test("a name that is public when it is looked up is asked at that address, never at the next one", async () => {
  let looks = 0;
  const network = new HostsNetwork(
    () => [looks++ === 0 ? PUBLIC : "127.0.0.1"],
    () => ({ says: OK }),
  );
  const { world: started } = await onNetwork(network);
  await using world = started;
  await world.webhook();
  await world.it.pending();
  await world.pass(0);
  assert.deepEqual(network.connected, [`hooks.example.com ${PUBLIC}`]);
  assert.equal(looks, 1);
});

Deno.test("no redirect is followed, and it is said", async () => {
  const says =
    "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
  const network = new HostsNetwork(() => [PUBLIC], () => ({ says }));
  const { world: started } = await onNetwork(network);
  await using world = started;
  const { record } = await world.webhook();
  const tested = await world.it.org.manage("POST", `/v1/webhooks/${record.id}/test`);
  assert.deepEqual(tested.body, {
    outcome: "failed",
    error: "hooks.example.com leads elsewhere.",
  });
  assert.equal(network.connected.length, 1);
});

Deno.test("hosts that the operator named may be private and http, and no others by it", async () => {
  await using world = await WebhookOrg.start({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: "10.0.0.7:8080" },
  });
  const make = (url: string) =>
    world.it.org.manage("POST", "/v1/webhooks", { url, events: ["tool.drifted"] });
  assert.equal((await make("http://10.0.0.7:8080/hook")).status, 201);
  assertProblem(await make("http://10.0.0.7:8081/hook"), 422, "invalid_request", "/url");
  assertProblem(await make("http://10.0.0.8:8080/hook"), 422, "invalid_request", "/url");
});

Deno.test("twenty hosts that hang hold up no other, no decision, and have two connections each", async () => {
  const network = new HostsNetwork(
    () => [PUBLIC],
    (host) => host.startsWith("dead") ? null : { says: OK },
  );
  const { world: started, clocks, slots } = await onNetwork(network);
  await using world = started;
  const { it, it: { org, countersign: { services, clock } } } = world;
  for (let number = 0; number < 19; number++) {
    await world.webhook({ url: `https://dead${number}.example.com/` });
  }
  // Made last, it comes last wherever they wait for each other.
  const good = await world.webhook({ url: "https://good.example.com/" });
  for (let number = 0; number < 5; number++) await it.pending({ method: `A${number}` });
  // Expanded, then begun; what hangs is not waited for.
  const sweeps: Promise<void>[] = [];
  for (let turn = 0; turn < 40; turn++) {
    sweeps.push(sweep(services, clock.now));
    const got = await org.post("/v1/permissions/check", { tool_name: "delete_server" });
    assert.equal(got.status, 200, got.text);
    const sent = (await world.deliveries(good.record.id)).filter(({ state }) => state === "sent");
    if (sent.length === 5) break;
  }
  const sent = (await world.deliveries(good.record.id)).filter(({ state }) => state === "sent");
  assert.equal(sent.length, 5);
  const counts = Map.groupBy(network.open, (host) => host);
  assert.ok([...counts.values()].every(({ length }) => length <= 2));
  assert.ok(slots.counts.running <= 38);
  // All of them are given up, and each is tried again by itself.
  clocks.end();
  await Promise.all(sweeps);
  assert.deepEqual(network.open, []);
  assert.equal(slots.counts.running, 0);
});

Deno.test("a body that never ends is left after what was wanted of it", async () => {
  const says = "HTTP/1.1 500 Broken\r\nTransfer-Encoding: chunked\r\n\r\nFFFFF\r\n";
  const network = new HostsNetwork(() => [PUBLIC], () => ({ says, forever: true }));
  const { world: started, slots } = await onNetwork(network);
  await using world = started;
  const { record } = await world.webhook();
  await world.it.pending();
  await world.pass(0);
  const [delivery] = await world.deliveries(record.id);
  assert.deepEqual(delivery?.attempts.map(({ status }) => status), [500]);
  assert.ok(network.read <= 64 * 1024, `${network.read} bytes`);
  const tested = await world.it.org.manage("POST", `/v1/webhooks/${record.id}/test`);
  assert.equal(tested.body.status, 500);
  assert.equal([...tested.body.answer].length, 256);
  assert.ok(network.read <= 128 * 1024, `${network.read} bytes`);
  assert.deepEqual(network.open, []);
  assert.equal(slots.counts.running, 0);
});
