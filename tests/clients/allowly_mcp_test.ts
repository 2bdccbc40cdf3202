import assert from "node:assert/strict";
import { action, AllowlyOrg, policy } from "../helpers/allowly.ts";
import { Countersign } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { PythonPackages, ran } from "./python_packages.ts";

/** The published middleware of Allowly before a FastMCP tool, unchanged, over https; and beside ours. */

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
def close() -> str:
    """Closes."""
    ran.append("close")
    return "closed"

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
if "beside" in given:
    from countersign_sdk import AsyncCountersign
    from countersign_sdk.fastmcp import CountersignMiddleware
    server.add_middleware(CountersignMiddleware(AsyncCountersign(**given["beside"])))

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
                    if "code" in told:
                        said.append(told["code"])
                        continue
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

/** As a reverse proxy does it. */
function behindTls(countersign: Countersign, tls: { readonly key: string; readonly cert: string }) {
  return Deno.serve(
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
  await using proxy = behindTls(countersign, tls);
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

Deno.test("FastMCP: CountersignMiddleware and the unmodified AllowlyMCPMiddleware (over https) both gate a tool", async () => {
  await using countersign = await Countersign.start();
  const it = await AllowlyOrg.over(await countersign.org());
  const theirs = ["refund", "close"].map((name) => action(name));
  await it.published("shop", policy(...theirs, action("wipe")));
  const id = await it.granted("shop", { actions: ["refund", "close"] });
  const org = await countersign.org();
  await org.tool("refund", { default_permission: "allowed" });
  await org.tool("wipe", { default_permission: "allowed" });
  await org.tool("close", { default_permission: "disabled" });
  await using python = await PythonPackages.installed(...PACKAGES);
  const tls = await certificate(python.folder);
  await using proxy = behindTls(countersign, tls);
  const call = async (url: string) =>
    await python.run(PROGRAM, {
      key: it.runtime,
      base_url: `https://127.0.0.1:${proxy.addr.port}/allowly`,
      user: "u1",
      authorizations: { u1: id },
      calls: [["refund", { amount: 5 }], ["wipe", {}], ["close", {}]],
      beside: { url, key: await org.agent() },
    }, {
      SSL_CERT_FILE: tls.file,
      PYTHONPATH: new URL("clients/python/src", PROJECT).pathname,
      PYTHONDONTWRITEBYTECODE: "1",
    });
  assert.deepEqual(await call(countersign.origin), {
    said: ["refunded", ["deny", "action_not_in_authorization", false], "disabled"],
    ran: [5],
  }, "each of them stops what the other lets through");
  const { body } = await org.get("/v1/activity?type=execution.logged", org.standard);
  assert.equal(body.data.length, 1);
  assert.deepEqual(await call("http://127.0.0.1:9"), {
    said: ["unreachable", ["deny", "action_not_in_authorization", false], "unreachable"],
    ran: [],
  }, "nor does a yes of Allowly let it run while Countersign is not there");
});
