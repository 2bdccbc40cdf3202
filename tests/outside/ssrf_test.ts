import fc from "fast-check";
import assert from "node:assert/strict";
import {
  addressProblem,
  hostProblem,
  type HostProblemCode,
  isNamedAddress,
  isPublicAddress,
  privateHost,
  type PrivateHosts,
} from "../../lib/outside/addresses.ts";
import { hostFetch } from "../../lib/outside/guarded_fetch.ts";
import { HostSlots } from "../../lib/outside/host_slots.ts";
import { StrangerFetchFailed } from "../../lib/outside/http_answer.ts";
import { systemTimer } from "../../lib/store/system.ts";
import { answerOf, httpAnswer } from "../helpers/wire_network.ts";
import { PUBLIC, StrangerNetwork } from "./stranger_network.ts";

/** Attacks by the address that somebody names for this server to ask, when it is saved and when sent. */

const NAMED: PrivateHosts = new Set([
  "hooks.corp.example",
  "grafana",
  "my_service:3000",
  "10.0.0.7:8080",
  "127.0.0.1:9000",
  "[fd12::7]:8443",
]);

function asking(network: StrangerNetwork, named: PrivateHosts = NAMED) {
  const slots = new HostSlots({ at_once: 2, waiting: 10, in_all: 10 });
  const fetch = hostFetch({ network, timer: systemTimer, named, slots });
  return {
    slots,
    ask: (url: string) => fetch({ url, method: "POST", limit_ms: 5000, max_body: 100 }),
  };
}

/** What nobody may name, whichever hosts the operator named. */
const REFUSED: Readonly<Record<HostProblemCode, readonly string[]>> = {
  no_url: [
    "",
    "client.example",
    "//client.example/",
    "https://[fe80::1%25eth0]/",
    "https://[fd12::7%eth0]:8443/",
    "https://client.example/a b",
    "https://client。example/",
    "https://client.example/\r\nhost: other.example",
  ],
  not_https: [
    "http://client.example/",
    "http://client.example:443/",
    "ftp://10.0.0.7:8080/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:9000/",
    "ws://10.0.0.7:8080/",
    "http://169.254.169.254/latest/meta-data/",
    "http://grafana:3000/",
    "http://10.0.0.7/",
    "http://0x7f.0.0.1:9000/",
    "http://2130706433:9000/",
    "http://0177.0.0.1:9000/",
    "http://127.1:9000/",
  ],
  credentials: [
    "https://user@client.example/",
    "https://user:password@client.example/",
    "https://@client.example/",
    "http://user@10.0.0.7:8080/",
    "https://client.example@10.0.0.7:8080/",
    "https://hooks.corp.example:x@169.254.169.254/",
  ],
  fragment: ["https://client.example/#x", "http://10.0.0.7:8080/#", "http://grafana/#x"],
  other_port: [
    "https://client.example:8443/",
    "https://client.example:80/",
    "https://client.example:22/",
    "https://hooks.corp.example:8443/",
    "https://10.0.0.7:8081/",
    "https://[fd12::7]:8444/",
    "https://0x0a.0.0.7:8080/",
    "https://167772167:8080/",
  ],
  ip_address: [
    "https://93.184.216.34/",
    "https://10.0.0.7/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://169.254.169.254/",
    "https://0xa9fea9fe/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fd00:ec2::254]/",
    "https://[fd12::7]/",
  ],
  own_name: [
    "https://localhost/",
    "https://localhost./",
    "https://db.localhost/",
    "https://metadata.google.internal/",
    "https://vault/",
    "https://printer.local/",
    "https://client.example./",
    "https://my_service/",
    "https://GRAFANA.local/",
  ],
};

Deno.test("ssrf: what nobody may name is refused with its reason, when saved and before any look-up", async () => {
  for (const [code, urls] of Object.entries(REFUSED)) {
    for (const url of urls) {
      assert.equal(hostProblem(url, NAMED)?.code, code, url);
      // Nothing of it is allowed by naming no host at all.
      assert.notEqual(hostProblem(url), null, url);
      const network = new StrangerNetwork();
      const { ask, slots } = asking(network);
      await assert.rejects(
        ask(url),
        (error) =>
          error instanceof StrangerFetchFailed && error.code === "address_refused" && !error.sent,
        url,
      );
      assert.deepEqual([network.resolved, network.connected], [[], []], url);
      assert.deepEqual(slots.counts, { running: 0, hosts: 0 });
    }
  }
});

Deno.test("ssrf: hosts of the internet, and those that the operator named, are asked as they are named", async () => {
  for (
    const [url, host, port, tls, resolved] of [
      ["https://client.example/x", "client.example", 443, true, true],
      ["https://hooks.corp.example/x", "hooks.corp.example", 443, true, true],
      ["http://hooks.corp.example/x", "hooks.corp.example", 80, false, true],
      ["http://grafana/x", "grafana", 80, false, true],
      ["http://my_service:3000/x", "my_service", 3000, false, true],
      ["https://my_service:3000/x", "my_service", 3000, true, true],
      ["HTTP://10.0.0.7:8080/x", "10.0.0.7", 8080, false, false],
      ["http://127.0.0.1:9000", "127.0.0.1", 9000, false, false],
      ["https://[fd12::7]:8443/x", "fd12::7", 8443, true, false],
    ] as const
  ) {
    assert.equal(hostProblem(url, NAMED), null, url);
    const address = resolved ? PUBLIC : host;
    const network = new StrangerNetwork({ answers: [answerOf("")] });
    const { ask } = asking(network);
    assert.equal((await ask(url)).status, 200);
    assert.deepEqual(network.dialled, [{ address, host, port, tls }], url);
    assert.deepEqual(network.resolved, resolved ? [host] : []);
    assert.match(
      network.sent[0] ?? "",
      new RegExp(`^host: ${RegExp.escape(new URL(url).host)}\r$`, "m"),
    );
  }
});

Deno.test("ssrf: a name may have private addresses only where the operator named it, and no others", async () => {
  const own = [
    "10.0.0.7",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "100.64.0.1",
    "::1",
    "fd12::7",
  ];
  const nobodys = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "fd00:ec2::254",
    "FD00:0EC2:0:0:0:0:0:254",
    "fd20:ce::254",
    "192.0.0.192",
    "fe80::1",
    "fd12::7%eth0",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "::ffff:10.0.0.7",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a00:7",
    "2002:a00:7::1",
    "not an address",
  ];
  for (const address of [...own, PUBLIC, "2606:4700::1111"]) assert.ok(isNamedAddress(address));
  for (const address of own) assert.ok(!isPublicAddress(address));
  const refused = async (url: string, addresses: readonly string[]) => {
    const network = new StrangerNetwork({ addresses: [addresses] });
    await assert.rejects(
      asking(network).ask(url),
      (error) => error instanceof StrangerFetchFailed && error.code === "address_refused",
      `${url} ${addresses}`,
    );
    assert.deepEqual(network.connected, []);
  };
  for (const address of own) {
    await refused("https://client.example/", [address]);
    await refused("https://client.example/", [PUBLIC, address]);
    const network = new StrangerNetwork({ addresses: [[address]], answers: [answerOf("")] });
    await asking(network).ask("http://grafana/");
    assert.deepEqual(network.connected.map((to) => to.address), [address]);
  }
  for (const address of nobodys) {
    assert.ok(!isNamedAddress(address), address);
    await refused("http://grafana/", [address]);
    await refused("http://grafana/", ["10.0.0.7", address]);
    await refused("https://client.example/", [PUBLIC, address]);
  }
});

Deno.test("ssrf: a named name that rebinds is asked where it was looked at, and refused the next time", async () => {
  const network = new StrangerNetwork({
    addresses: [["10.0.0.7"], ["169.254.169.254"]],
    answers: [answerOf("")],
  });
  const { ask } = asking(network);
  await ask("http://grafana/");
  assert.deepEqual(network.resolved, ["grafana"]);
  await assert.rejects(ask("http://grafana/"), /no public address/);
  assert.deepEqual(network.connected.map((to) => to.address), ["10.0.0.7"]);
});

Deno.test("ssrf: a redirect is followed nowhere, from a named host neither", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const lines = [`HTTP/1.1 ${status} Elsewhere`, "Location: http://169.254.169.254/"];
    const network = new StrangerNetwork({ answers: [httpAnswer(lines)] });
    const { ask, slots } = asking(network);
    await assert.rejects(
      ask("http://10.0.0.7:8080/"),
      (error) => error instanceof StrangerFetchFailed && error.code === "redirected" && error.sent,
    );
    assert.equal(network.connected.length, 1);
    assert.deepEqual([network.closed, slots.counts.running], [1, 0]);
  }
});

Deno.test("privateHost() takes exact hosts with or without a port, and no other spelling of them", () => {
  for (
    const entry of [
      "hooks.corp.example",
      "grafana",
      "localhost:9000",
      "my_service:3000",
      "10.0.0.7",
      "192.168.0.1:65535",
      "8.8.8.8:1",
      "[fd12::7]",
      "[::1]:8080",
    ]
  ) assert.deepEqual(privateHost(entry), { host: entry });
  assert.deepEqual(privateHost("Hooks.Corp.Example"), { host: "hooks.corp.example" });
  for (
    const entry of [
      "",
      " ",
      "*",
      "*.corp.example",
      "http://grafana",
      "grafana/",
      "grafana/x",
      "user@grafana",
      "grafana:",
      "grafana:0",
      "grafana:080",
      "grafana:65536",
      "grafana:99999",
      "grafana:8080-8090",
      "grafana;x",
      "-grafana",
      "grafana.",
      "a..b",
      "bücher.example",
      "10.0.0.0/8",
      "10.0.0.7.",
      "10.0.0",
      "127.1",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "2130706433",
      "169.254.169.254",
      "169.254.169.254:80",
      "100.100.100.200",
      "0.0.0.0",
      "255.255.255.255",
      "fd12::7",
      "[fd12::7%eth0]",
      "[FD12:0::7]",
      "[fe80::1]",
      "[fd00:ec2::254]",
      "[::ffff:10.0.0.7]",
      "[::]",
      `${"a".repeat(64)}.example`,
      "a.".repeat(130) + "example",
    ]
  ) assert.ok("problem" in privateHost(entry), entry);
});

Deno.test("hostProblem() takes of named hosts the named port alone, whatever host and port there are", () => {
  const port = fc.integer({ min: 1, max: 65535 });
  fc.assert(fc.property(port, port, fc.boolean(), (named, asked, tls) => {
    const scheme = tls ? "https" : "http";
    const taken = hostProblem(`${scheme}://10.0.0.7:${asked}/`, new Set([`10.0.0.7:${named}`]));
    assert.equal(taken === null, named === asked);
    const plain = hostProblem(`${scheme}://10.0.0.7:${asked}/`, new Set(["10.0.0.7"]));
    assert.equal(plain === null, asked === (tls ? 443 : 80));
  }));
  assert.equal(hostProblem("http://10.0.0.7/", new Set(["10.0.0.7:80"])), null);
  assert.notEqual(hostProblem("http://10.0.0.7/", new Set(["10.0.0.7:443"])), null);
});

Deno.test("who gives an address of an own network hears how it gets through, and nobody else does", () => {
  const nobody = new Set<string>();
  for (
    const own of [
      "http://localhost:9000/mcp",
      "https://10.0.0.7",
      "https://grafana/",
      "https://a.example:8443/",
    ]
  ) {
    assert.match(
      addressProblem(own, nobody) ?? "",
      /\. A host of your own network .*PRIVATE_HOSTS$/,
      own,
    );
  }
  assert.equal(addressProblem("http://localhost:9000/mcp", new Set(["localhost:9000"])), null);
  assert.equal(addressProblem("https://me:pw@a.example/", nobody), "holds a user or password");
  assert.equal(addressProblem("https://a.example/mcp", nobody), null);
});
