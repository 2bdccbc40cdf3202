import assert from "node:assert/strict";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { Countersign } from "../helpers/countersign.ts";
import { PythonPackages, ran } from "./python_packages.ts";

/** The published middleware of Allowly before a FastMCP tool, unchanged, over https. */

const PACKAGES = ["allowly==0.8.0", "fastmcp==4.2.3", "mcp==2.3.0"];

const PROGRAM = `
import asyncio, json, sys
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from allowly.mcp import AllowlyMCPMiddleware, MCPCheckInput

given = json.load(sys.stdin)
ran = []
server = FastMCP("shop")

@server.tool
def refund(amount: int) -> str:
    """Refunds."""
    ran.append(amount)
    return "refunded"

@server.tool
def wipe() -> str:
    """Wipes."""
    ran.append("wipe")
    return "wiped"

gate = AllowlyMCPMiddleware(
    api_key=given["key"],
    base_url=given["base_url"],
    user_id_fn=lambda context: given["user"],
    authorization_id_fn=lambda user: given["authorizations"].get(user),
    check_input_fn=lambda context: MCPCheckInput(context=dict(context.arguments)),
)
server.add_middleware(gate)

async def main():
    said = []
    async with Client(server) as client:
        for name, arguments in given["calls"]:
            try:
                result = await client.call_tool(name, arguments)
                said.append(result.data)
            except ToolError as error:
                try:
                    told = json.loads(str(error))
                    said.append([told["decision"], told["reason"], "confirm_nonce" in told])
                except ValueError:
                    said.append(str(error))
    await gate.aclose()
    print(json.dumps({"said": said, "ran": ran}))

asyncio.run(main())
`;

/** A certificate of 127.0.0.1 that nobody trusts but who is told to. */
async function certificate(folder: string) {
  const [key, cert] = [`${folder}/key.pem`, `${folder}/cert.pem`];
  await ran("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1"],
    ...["-addext", "subjectAltName=IP:127.0.0.1"],
  ]);
  return { file: cert, key: await Deno.readTextFile(key), cert: await Deno.readTextFile(cert) };
}

Deno.test("the middleware of Allowly gates a FastMCP tool by this service, over https and unchanged", async () => {
  await using countersign = await Countersign.start();
  const it = await AllowlyOrg.over(await countersign.org());
  const rules = [{
    id: "large",
    decision: "confirm",
    target: "agent_owner",
    conditions: [{ field: "amount", op: "gt", value: 100 }],
  }];
  await it.published(
    "shop",
    policy(action("refund", { fields: { amount: "integer" }, rules }), action("wipe")),
  );
  const id = await it.granted("shop", { actions: ["refund"] });
  await using python = await PythonPackages.installed(...PACKAGES);
  const tls = await certificate(python.folder);
  // As a reverse proxy does it.
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: tls.cert, key: tls.key, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const { method } = request;
      const headers = new Headers(request.headers);
      headers.delete("host");
      const body = await request.bytes();
      const sent = body.length === 0 ? {} : { body };
      return await fetch(countersign.origin + pathname + search, { method, headers, ...sent });
    },
  );
  const call = async (calls: unknown[], env = { SSL_CERT_FILE: tls.file }, user = "u1") =>
    await python.run(PROGRAM, {
      key: it.runtime,
      base_url: `https://127.0.0.1:${proxy.addr.port}/allowly`,
      user,
      authorizations: { u1: id },
      calls,
    }, env);
  const calls = [["refund", { amount: 5 }], ["refund", { amount: 500 }], ["wipe", {}]];
  assert.deepEqual(await call(calls), {
    said: [
      "refunded",
      ["confirm", "confirm_condition_matched", true],
      ["deny", "action_not_in_authorization", false],
    ],
    ran: [5],
  });
  const stranger = await call([["refund", { amount: 5 }]], undefined, "u2");
  assert.deepEqual(stranger, { said: ["authorization_not_found"], ran: [] });
  const untrusted = await call([["refund", { amount: 5 }]], { SSL_CERT_FILE: "" });
  assert.deepEqual(untrusted, {
    said: [["deny", "fallback_closed_unreachable", false]],
    ran: [],
  }, "a host that does not prove its name is not asked");
  await it.ask("DELETE", `/v1/authorizations/${id}`);
  assert.deepEqual(await call([["refund", { amount: 5 }]]), {
    said: [["deny", "authorization_revoked", false]],
    ran: [],
  });
});
