import assert from "node:assert/strict";
import { Countersign } from "../helpers/countersign.ts";
import { assertProblem } from "../helpers/refused.ts";
import { OfficialServer } from "../helpers/official_server.ts";

Deno.test("the tools of a server of the protocol's own package are drafts, and drift", async () => {
  await using server = new OfficialServer();
  await using countersign = await Countersign.start({
    variables: { COUNTERSIGN_PRIVATE_HOSTS: server.host },
  });
  const org = await countersign.org();
  const got = await org.manage("PUT", "/v1/upstreams/notes", { kind: "mcp", url: server.url });
  assert.equal(got.status, 201, got.text);
  assert.deepEqual(got.body.protocol, {
    era: "modern",
    version: "2026-07-28",
    server: { name: "notes", version: "1.0.0" },
  });
  const tool = (await org.get("/v1/tools/notes/note")).body;
  assert.deepEqual([tool.status, tool.annotations.read_only], ["draft", false]);
  assert.deepEqual(tool.parameters.required, ["text"]);

  const [note] = server.tools;
  server.tools = [{ ...note!, description: "Takes a note, and mails it." }];
  const refreshed = await org.manage("POST", "/v1/upstreams/notes/refresh");
  assert.deepEqual(refreshed.body.changed, [{ tool: "notes/note", differs: ["/description"] }]);

  const nobody = { kind: "mcp", url: "http://127.0.0.1:1/mcp" };
  assertProblem(
    await org.manage("PUT", "/v1/upstreams/gone", nobody),
    422,
    "invalid_request",
    "/url",
  );
});
