import { ConformanceServer } from "./conformance_server.ts";
import { passes } from "./conformance_suite.ts";
import { gateway, GATEWAY_EXPECTED, GATEWAY_SCENARIOS } from "./gateway_fixtures.ts";

Deno.test("the gateway passes the conformance suite of MCP, with the suite's own tools behind it", async (t) => {
  await using server = await ConformanceServer.start(0, gateway());
  await passes(t, server.url, GATEWAY_SCENARIOS, GATEWAY_EXPECTED);
});
