import fc from "fast-check";
import assert from "node:assert/strict";
import type { StrangerRequest } from "../../lib/deps.ts";
import { hostProblem, isPublicAddress } from "../../lib/outside/addresses.ts";
import { guardedFetch } from "../../lib/outside/guarded_fetch.ts";
import { type StrangerFailure, StrangerFetchFailed } from "../../lib/outside/http_answer.ts";
import { systemTimer, type Timer } from "../../lib/store/system.ts";
import { answerOf, httpAnswer } from "../helpers/wire_network.ts";
import { PUBLIC, StrangerNetwork } from "./stranger_network.ts";

const REQUEST: StrangerRequest = {
  url: "https://client.example/client.json",
  method: "GET",
  limit_ms: 5000,
  max_body: 100,
  bodyWanted: () => true,
};

function ask(
  network: StrangerNetwork,
  request: Partial<StrangerRequest> = {},
) {
  return guardedFetch(network, systemTimer)({ ...REQUEST, ...request });
}

async function failure(answer: Promise<unknown>, code: StrangerFailure): Promise<string> {
  try {
    await answer;
  } catch (error) {
    assert.ok(error instanceof StrangerFetchFailed, String(error));
    assert.equal(error.code, code, error.message);
    return error.message;
  }
  throw new Error(`There was an answer in place of ${code}.`);
}

Deno.test("isPublicAddress() takes addresses of the internet", () => {
  for (
    const address of [
      "1.1.1.1",
      "8.8.8.8",
      "9.255.255.255",
      "11.0.0.0",
      "100.63.255.255",
      "100.128.0.0",
      "126.255.255.255",
      "128.0.0.0",
      "169.253.255.255",
      "169.255.0.0",
      "172.15.255.255",
      "172.32.0.0",
      "192.0.1.0",
      "192.167.255.255",
      "192.169.0.0",
      "198.17.255.255",
      "198.20.0.0",
      "223.255.255.255",
      "2001:200::1",
      "2001:4860:4860::8888",
      "2606:4700::1111",
      "2a00:1450:4001::1",
      "64:ff9b::808:808",
      "64:ff9b::8.8.8.8",
    ]
  ) assert.ok(isPublicAddress(address), address);
});

Deno.test("isPublicAddress() refuses what is of a network of one's own, of no one, or no address", () => {
  for (
    const [kind, ...addresses] of [
      ["this host and network", "0.0.0.0", "0.255.255.255", "::"],
      ["loopback", "127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1"],
      ["private", "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.255.255"],
      ["carrier", "100.64.0.0", "100.127.255.255"],
      ["link-local", "169.254.169.254", "169.254.0.0", "fe80::1", "febf:ffff::1", "fec0::1"],
      ["unique local", "fc00::1", "fd00:ec2::254", "fdff::1"],
      ["protocol assignments", "192.0.0.1", "192.0.0.255", "192.88.99.1", "2001:1::1"],
      ["documentation", "192.0.2.1", "198.51.100.9", "203.0.113.255", "2001:db8::1", "3fff::1"],
      ["a cloud's own", "168.63.129.16", "64:ff9b::168.63.129.16"],
      ["benchmarks", "198.18.0.0", "198.19.255.255", "2001:2::1"],
      ["multicast", "224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
      ["reserved and broadcast", "240.0.0.0", "255.255.255.255"],
      ["IPv4 inside of IPv6", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::127.0.0.1"],
      ["translated", "64:ff9b::a00:1", "64:ff9b::127.0.0.1", "64:ff9b::1", "64:ff9b::"],
      ["translated at home", "64:ff9b:1::808:808", "64:ff9b:1:ffff::1", "::ffff:0:808:808"],
      ["6to4", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"],
      ["Teredo", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
      ["ORCHID", "2001:10::1", "2001:20::1"],
      ["discard and segments", "100::1", "5f00::1"],
      ["with a zone", "fe80::1%eth0", "2606:4700::1111%eth0", "2606:4700::1111%25lo"],
      [
        "other spellings",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "8.8.8.8.",
        " 8.8.8.8",
      ],
      [
        "no address",
        "",
        "example.com",
        "localhost",
        "[2606:4700::1111]",
        "8.8.8.8:443",
        "8.8.8.8/0",
      ],
    ]
  ) {
    for (const address of addresses) assert.ok(!isPublicAddress(address), `${kind}: ${address}`);
  }
});

Deno.test("isPublicAddress() says of a NAT64 address what it says of the IPv4 address inside", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  fc.assert(fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
    const ipv4 = octets.join(".");
    const [a, b, c, d] = octets;
    const low = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
    assert.equal(isPublicAddress(`64:ff9b::${low}`), isPublicAddress(ipv4), ipv4);
    assert.equal(isPublicAddress(`64:FF9B:0:0:0:0:${low}`), isPublicAddress(ipv4), ipv4);
    assert.ok(!isPublicAddress(`::ffff:${low}`));
    assert.ok(!isPublicAddress(`2002:${low}::1`));
  }));
});

Deno.test("hostProblem() takes https URLs of hosts of the internet, and nothing else", () => {
  for (
    const url of [
      "https://claude.ai/oauth/mcp-oauth-client-metadata",
      "https://client.example:443/x?y=z",
      "https://xn--bcher-kva.example/x",
      "https://a-b.c1.example",
      "https://1.example/",
      "HTTPS://CLIENT.EXAMPLE/x",
    ]
  ) assert.equal(hostProblem(url), null, url);
  for (
    const url of [
      "",
      "client.example",
      "/x",
      "http://client.example/x",
      "ftp://client.example/x",
      "data:application/json,{}",
      "https:client.example\n",
      "https://client.example/\r\nhost: other.example",
      "https://client.example/x y",
      "https://bücher.example/x",
      "https://client。example/x",
      "https://ｃlient.example/x",
      "https://client.example:8443/x",
      "https://client.example:80/x",
      "https://user@client.example/x",
      "https://user:password@client.example/x",
      "https://@client.example/x",
      "https://:@client.example/x",
      "https://client.example#@127.0.0.1/",
      "https://client.example/x#fragment",
      "https://client.example/x#",
      "https://93.184.216.34/x",
      "https://127.0.0.1/x",
      "https://127.1/x",
      "https://2130706433/x",
      "https://0x7f000001/x",
      "https://0177.0.0.1/x",
      "https://127.0.0.1.:443/x",
      "https://[::1]/x",
      "https://[::ffff:8.8.8.8]/x",
      "https://localhost/x",
      "https://localhost./x",
      "https://db.localhost/x",
      "https://intranet/x",
      "https://vault.internal/x",
      "https://printer.local/x",
      "https://router.home.arpa/x",
      "https://hidden.onion/x",
      "https://client.example./x",
      "https://client..example/x",
      "https://.client.example/x",
      "https://-client.example/x",
      "https://client_1.example/x",
      "https://*.example/x",
      `https://${"a".repeat(64)}.example/x`,
      `https://${"a.".repeat(130)}example/x`,
    ]
  ) assert.notEqual(hostProblem(url), null, url);
});

Deno.test("a host is asked at the address that was looked at, under its own name", async () => {
  const network = new StrangerNetwork({ answers: [answerOf("{}", ["X-Made-By: a test"])] });
  const { status, headers, body } = await ask(network, {
    url: "https://client.example/a%20b?c=d",
    headers: { accept: "application/json" },
  });
  assert.equal(status, 200);
  assert.equal(headers.get("x-made-by"), "a test");
  assert.equal(new TextDecoder().decode(body ?? undefined), "{}");
  assert.deepEqual(network.resolved, ["client.example"]);
  assert.deepEqual(network.connected, [{ address: PUBLIC, host: "client.example" }]);
  assert.deepEqual(network.sent, [[
    "GET /a%20b?c=d HTTP/1.1",
    "host: client.example",
    "user-agent: Countersign",
    "connection: close",
    "accept: application/json",
    "accept-encoding: identity",
    "",
    "",
  ].join("\r\n")]);
  assert.equal(network.closed, 1);
});

Deno.test("a body is sent with its length, and an answer taken however slowly it comes", async () => {
  const network = new StrangerNetwork({ answers: [answerOf("made")], pace: 1 });
  const body = new TextEncoder().encode("Grüße");
  const { body: answer } = await ask(network, { method: "POST", body });
  assert.match(network.sent[0] ?? "", /^POST .*\r\ncontent-length: 7\r\n.*\r\n\r\n/s);
  assert.equal(new TextDecoder().decode(answer ?? undefined), "made");
});

Deno.test("no header can be sent that ends its line or speaks for the connection", async () => {
  for (
    const [name, value] of [
      ["x", "1\r\nhost: other.example"],
      ["x", "1\n"],
      ["x\r\ny", "1"],
      ["x y", "1"],
      ["", "1"],
      ["host", "other.example"],
      ["content-length", "3"],
      ["transfer-encoding", "chunked"],
    ] as const
  ) {
    const network = new StrangerNetwork();
    await assert.rejects(ask(network, { headers: { [name]: value } }), TypeError);
    assert.deepEqual(network.resolved, []);
  }
});

Deno.test("rebinding: a name is resolved once, so its next address is never asked", async () => {
  const network = new StrangerNetwork({
    addresses: [[PUBLIC], ["127.0.0.1"]],
    answers: [answerOf("")],
  });
  await ask(network);
  assert.deepEqual(network.resolved, ["client.example"]);
  assert.deepEqual(network.connected.map(({ address }) => address), [PUBLIC]);
  await failure(ask(network), "address_refused");
  assert.equal(network.connected.length, 1);
});

Deno.test("a host that is, or also is, in a private network is not connected to", async () => {
  for (
    const addresses of [
      ["10.0.0.7"],
      [PUBLIC, "::1"],
      [PUBLIC, "169.254.169.254"],
      ["::ffff:93.184.216.34"],
      ["64:ff9b::a00:1"],
      ["not an address"],
    ]
  ) {
    const network = new StrangerNetwork({ addresses: [addresses] });
    await failure(ask(network), "address_refused");
    assert.deepEqual(network.connected, []);
  }
});

Deno.test("a stranger does not learn whether a name of the private network is there", async () => {
  const absent = new StrangerNetwork({ addresses: [[]] });
  const there = new StrangerNetwork({ addresses: [["10.0.0.7"]] });
  assert.equal(
    await failure(ask(absent), "unreachable"),
    await failure(ask(there), "address_refused"),
  );
});

Deno.test("what no stranger may name is refused before its name is asked", async () => {
  for (const url of ["https://127.0.0.1/", "http://client.example/", "https://db.internal/"]) {
    const network = new StrangerNetwork();
    await failure(ask(network, { url }), "address_refused");
    assert.deepEqual(network.resolved, []);
  }
});

Deno.test("an address that takes no connection leaves the next one to be tried, of at most four", async () => {
  const addresses = ["2606:4700::1111", PUBLIC, "1.1.1.1"];
  const some = new StrangerNetwork({
    addresses: [addresses],
    answers: [answerOf("")],
    dead: addresses.slice(0, 1),
  });
  await ask(some);
  assert.deepEqual(some.connected.map(({ address }) => address), addresses.slice(0, 2));
  const many = Array.from({ length: 20 }, (_, at) => `1.1.1.${at + 1}`);
  const none = new StrangerNetwork({ addresses: [many], dead: many });
  assert.match(
    await failure(ask(none), "unreachable"),
    /client\.example cannot be reached: refused/,
  );
  assert.equal(none.connected.length, 4);
});

Deno.test("a redirect is not followed", async () => {
  for (const status of [300, 301, 302, 303, 304, 307, 308]) {
    const lines = [`HTTP/1.1 ${status} Elsewhere`, "Location: https://169.254.169.254/"];
    const network = new StrangerNetwork({ answers: [httpAnswer(lines)] });
    await failure(ask(network), "redirected");
    assert.equal(network.connected.length, 1);
  }
});

Deno.test("a body that is not wanted is not read", async () => {
  const answers = [httpAnswer(["HTTP/1.1 404 Not Found", "Content-Length: 1000000"], "x")];
  const { status, body } = await ask(new StrangerNetwork({ answers }), {
    bodyWanted: ({ status }) => status === 200,
  });
  assert.deepEqual([status, body], [404, null]);
});

Deno.test("slow drip: when the time is over the connection is closed", async () => {
  const clocks: { milliseconds: number; end: () => void; cancelled: boolean }[] = [];
  const timer = (milliseconds: number): Timer => {
    const { promise: elapsed, resolve: end } = Promise.withResolvers<void>();
    const clock = { milliseconds, end, cancelled: false };
    clocks.push(clock);
    return { elapsed, cancel: () => clock.cancelled = true };
  };
  const silent = new StrangerNetwork();
  // Asks only when it is certain that the request was sent.
  const sent = Promise.withResolvers<void>();
  const dripping = {
    resolve: silent.resolve,
    async connect(...to: Parameters<typeof silent.connect>) {
      const connection = await silent.connect(...to);
      return { ...connection, read: (into: Uint8Array) => (sent.resolve(), connection.read(into)) };
    },
  };
  const asked = guardedFetch(dripping, timer)(REQUEST);
  await sent.promise;
  const [clock] = clocks;
  assert.equal(clock?.milliseconds, 5000);
  clock?.end();
  assert.match(await failure(asked, "timed_out"), /no whole answer within 5000 ms/);
  assert.deepEqual([clock?.cancelled, silent.closed], [true, 1]);

  const unknown = { connect: silent.connect, resolve: () => new Promise<never>(() => {}) };
  const unresolved = guardedFetch(unknown, timer)(REQUEST);
  clocks[1]?.end();
  await failure(unresolved, "timed_out");
});

Deno.test("a connection that comes after the end of the time is closed unused", async () => {
  const network = new StrangerNetwork();
  const { promise: elapsed, resolve: end } = Promise.withResolvers<void>();
  const { promise: slowly, resolve: arrive } = Promise.withResolvers<void>();
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const late = {
    resolve: network.resolve,
    async connect(...to: Parameters<typeof network.connect>) {
      await slowly;
      return { ...await network.connect(...to), close };
    },
  };
  const asked = guardedFetch(late, () => ({ elapsed, cancel: () => {} }))(REQUEST);
  end();
  await failure(asked, "timed_out");
  arrive();
  await closed;
  assert.deepEqual(network.sent, [""]);
});

Deno.test("a network that fails in its own way is unreachable, and its time is given back", async () => {
  let cancelled = 0;
  const timer = () => ({ elapsed: new Promise<void>(() => {}), cancel: () => void cancelled++ });
  const network = new StrangerNetwork();
  const broken = {
    connect: network.connect,
    resolve: () => Promise.reject(new TypeError("no DNS")),
  };
  const fetching = guardedFetch(broken, timer)(REQUEST);
  assert.match(await failure(fetching, "unreachable"), /client\.example cannot be reached: no DNS/);
  assert.equal(cancelled, 1);
});
