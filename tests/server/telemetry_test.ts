import assert from "node:assert/strict";
import { StartedProcess } from "../helpers/started_process.ts";

Deno.test("telemetry: spans and metrics carry the route and the request id, and no key", async () => {
  const folder = await Deno.makeTempDir();
  const key = `cs_mgmt_${"0123456789".repeat(4)}`;
  const { process, port } = await StartedProcess.listening(folder, {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "console",
    COUNTERSIGN_URL: "http://localhost",
    COUNTERSIGN_BOOTSTRAP_KEY: key,
  });
  await using _ = process;
  const answer = async (path: string) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n`;
    await connection.write(new TextEncoder().encode(`${head}x-api-key: ${key}\r\n\r\n`));
    return await new Response(connection.readable).text();
  };
  const text = await answer("/v1/agents/agt_0000000000000000000000000a");
  const [, id] = /x-request-id: (req_\w+)/.exec(text) ?? [];
  assert.ok(id, text);
  process.signal("SIGTERM");
  const { code, output } = await process.ended();
  assert.equal(code, 0, output);
  assert.match(output, /SPAN GET \/v1\/agents\/:id /);
  assert.match(output, /http\.route: \/v1\/agents\/:id/);
  assert.match(output, /http\.server\.request\.duration[^]*http\.route=\/v1\/agents\/:id/);
  assert.ok(output.includes(`countersign.request_id: ${id}`));
  assert.ok(!output.includes(key));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("attack: telemetry carries a set-up link or a mailed code to whoever reads it", async () => {
  const folder = await Deno.makeTempDir();
  const { process, port } = await StartedProcess.listening(folder, {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "console",
    COUNTERSIGN_URL: "http://localhost",
  });
  await using _ = process;
  const link = await process.found("/set-up/", /\/set-up\/([\w-]{43})/);
  const body = "do=send_code&organization=Acme&email=jo%40example.com";
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const headers = [
    `POST /set-up/${link} HTTP/1.1`,
    "host: localhost",
    "origin: http://localhost",
    "connection: close",
    "content-type: application/x-www-form-urlencoded",
    `content-length: ${body.length}`,
  ];
  await connection.write(new TextEncoder().encode(`${headers.join("\r\n")}\r\n\r\n${body}`));
  assert.match(await new Response(connection.readable).text(), /^HTTP\/1\.1 303 /);
  process.signal("SIGTERM");
  const { code, output } = await process.ended();
  assert.equal(code, 0, output);
  const [, mailed = ""] = /Your code is (\d{6})/.exec(output) ?? [];
  const times = (text: string) => output.split(text).length - 1;
  assert.equal(times('"message":"Countersign listens"'), 2, "printed, and exported");
  assert.equal(times("Nobody owns this deployment yet"), 1, "the link is exported");
  assert.equal(times(`Your code is ${mailed}`), 1, "the code is exported");
  await Deno.remove(folder, { recursive: true });
});
