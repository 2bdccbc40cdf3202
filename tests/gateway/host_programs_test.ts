import assert from "node:assert/strict";
import { offerPrograms } from "../../lib/gateway/host_programs.ts";
import { type HostPrograms, readHostFile, withEnvironment } from "../../lib/upstreams/host_file.ts";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { verifiedLog } from "../helpers/stored_log.ts";

/** Programs of the host as upstreams of orgs. */

function programs(command: string, orgs?: string[]): HostPrograms {
  const files = { command, ...(orgs === undefined ? {} : { orgs }) };
  return withEnvironment(readHostFile(JSON.stringify({ upstreams: { files } })), () => undefined);
}

Deno.test("host programs: the one org has it as an upstream, and another one where it is described otherwise", async () => {
  await using countersign = await Countersign.start();
  const { services } = countersign;
  const org = await countersign.org();
  const seen = async () => (await org.manage("GET", "/v1/upstreams/files")).body;
  await offerPrograms(services, programs("one"));
  const first = await seen();
  assert.equal(first.kind, "mcp_stdio");
  assert.match(first.url, /^stdio:files#/);
  assert.deepEqual([first.headers, first.status], [{}, "active"]);
  const { deps } = services;
  const { length } = await verifiedLog(deps, org.id);
  await offerPrograms(services, programs("one"));
  assert.equal((await verifiedLog(deps, org.id)).length, length);
  await offerPrograms(services, programs("two"));
  assert.notEqual((await seen()).url, first.url);
  const log = await verifiedLog(deps, org.id);
  const set = log.map(({ entry }) => entry).filter(({ type }) => type === "upstream.set");
  assert.deepEqual(set.map(({ actor }) => actor), [
    { type: "system", id: "host" },
    { type: "system", id: "host" },
  ]);
});

Deno.test("attack, G14: no request makes a program or makes it something else, and one can be removed", async () => {
  await using countersign = await Countersign.start();
  const org = await countersign.org();
  await offerPrograms(countersign.services, programs("one"));
  const { url } = (await org.manage("GET", "/v1/upstreams/files")).body;
  const put = (name: string, body: Record<string, unknown>) =>
    org.manage("PUT", `/v1/upstreams/${name}`, body);
  const http = { kind: "mcp", url: "https://files.example/mcp" };
  const answers = [
    await put("files", http),
    await put("files", { kind: "mcp_stdio", url }),
    await put("other", { kind: "mcp_stdio", url }),
    await put("other", { kind: "mcp_stdio", command: "sh" }),
    await put("other", { kind: "mcp", url }),
  ];
  for (const got of answers) assertProblem(got, 422, "invalid_request");
  assert.equal((await org.manage("GET", "/v1/upstreams/files")).body.url, url);
  assert.equal((await org.manage("DELETE", "/v1/upstreams/files")).status, 200);
  assert.equal((await org.manage("GET", "/v1/upstreams/files")).status, 404);
  // A name that somebody gave to a server of theirs stays theirs.
  await put("files", http);
  await offerPrograms(countersign.services, programs("one"));
  assert.equal((await org.manage("GET", "/v1/upstreams/files")).body.kind, "mcp");
});

Deno.test("host programs: of several orgs those have it that the file names", async () => {
  const lines: string[] = [];
  await using countersign = await Countersign.start({
    deps: { log: (_level, message) => void lines.push(message) },
  });
  const { services } = countersign;
  await offerPrograms(services, programs("one"));
  const [one, two] = [await countersign.org(), await countersign.org()];
  await offerPrograms(services, programs("one"));
  const nobody = "A program of this host is offered to nobody";
  assert.deepEqual(lines.filter((line) => line === nobody), [nobody, nobody]);
  await offerPrograms(services, programs("one", [two.id, "org_none"]));
  assert.equal((await one.manage("GET", "/v1/upstreams/files")).status, 404);
  assert.equal((await two.manage("GET", "/v1/upstreams/files")).status, 200);
});
