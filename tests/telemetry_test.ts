import assert from "node:assert/strict";
import { StartedProcess } from "./started_process.ts";

Deno.test("telemetry: spans and metrics carry the route and the request id, and no key", async () => {
  const folder = await Deno.makeTempDir();
  const key = `cs_mgmt_${"k".repeat(40)}`;
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
