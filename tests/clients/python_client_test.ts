import assert from "node:assert/strict";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { Countersign, type TestOrg } from "../helpers/countersign.ts";
import { PROJECT } from "../helpers/project_files.ts";
import { eventful, receiptedEntries, receiptPath } from "../helpers/receipts.ts";

/** The package of the Python client, as others install it, on every Python that is there. */

const CLIENT = new URL("clients/python/", PROJECT);

/** Those that it is for; others are passed over. */
const PYTHONS = ["python3", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"];

async function ran(
  [command = "", ...args]: readonly string[],
  input = "",
): Promise<{ readonly code: number; readonly text: string }> {
  const process = new Deno.Command(command, {
    args,
    cwd: CLIENT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function did(command: readonly string[], input?: string): Promise<string> {
  const { code, text } = await ran(command, input);
  assert.equal(code, 0, `${command.join(" ")}: ${text}`);
  return text;
}

/** Where pyenv keeps versions, if it does. */
async function managed(): Promise<string[]> {
  const folder = `${Deno.env.get("PYENV_ROOT") ?? "/nowhere"}/versions`;
  const names = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  return names.map(({ name }) => `${folder}/${name}/bin/python`).sort();
}

/** The versions that are there, each once. */
async function pythons(): Promise<string[]> {
  const found = new Map<string, string>();
  for (const name of [...PYTHONS, ...await managed()]) {
    const asked =
      "import sys; print(sys.executable, sys.version_info[0] * 100 + sys.version_info[1])";
    const got = await ran([name, "-c", asked]).catch(() => null);
    const [path, version] = got?.code === 0 ? got.text.trim().split(" ") : [];
    if (path !== undefined && version !== undefined && Number(version) >= 310) {
      if (!found.has(version)) found.set(version, path);
    }
  }
  return [...found.values()];
}

const arbitraryJson = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });

async function given(countersign: Countersign, org: TestOrg): Promise<object> {
  const read = async (path: string) => (await org.get(path, org.management)).body;
  const entries = await receiptedEntries(countersign, org);
  const signed = entries.map(({ entry }) => receiptPath(entry).replace("/v1/receipts/", ""));
  const { data } = await read("/v1/activity?type=permission.checked");
  const receipts = data.map((row: { id: string }) => row.id);
  const values = fc.sample(arbitraryJson, 500);
  const numbers = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 500);
  const canonical = [...values, ...numbers, "\u0007\n\u20ac😀", { "\ue000": 1, "😀": 2 }]
    .map((value) => [value, canonicalize(value)]);
  const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
  const body = JSON.stringify({
    type: "webhook.test",
    timestamp: "2026-03-01T10:00:00.000Z",
    data: {},
  });
  const now = 1_772_359_200;
  return {
    url: `http://127.0.0.1:${countersign.server.addr.port}`,
    key: org.standard,
    signed,
    receipts,
    canonical,
    keys: await read(`/.well-known/countersign/keys/${org.id}`),
    receipt: await read(`/v1/receipts/${receipts[0]}`),
    jws: (await read(`/v1/receipts/${signed[0]}`)).receipt,
    receipt_keys: await read(`/.well-known/countersign/receipt-keys/${org.id}`),
    webhook: {
      secret,
      body,
      now,
      headers: {
        "webhook-id": "evt_01",
        "webhook-timestamp": String(now),
        "webhook-signature": new Webhook(secret).sign("evt_01", new Date(now * 1000), body),
      },
    },
  };
}

Deno.test("the wheel installs on every Python that is there, and does as the vectors and properties say", async (t) => {
  const folder = await Deno.makeTempDir();
  await using countersign = await Countersign.start();
  const org = await eventful(countersign);
  await org.tool("guarded_refund", { default_permission: "allowed" });
  await org.tool("wipe_all", { default_permission: "disabled" });
  try {
    const [first = "python3", ...others] = await pythons();
    const python = `${folder}/first/bin/python`;
    await did([first, "-m", "venv", `${folder}/first`]);
    await did([python, "-m", "pip", "install", "--quiet", "hatchling==1.33.0"]);
    const building = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder, "."];
    await did([python, "-m", "pip", "wheel", "--quiet", ...building]);
    const [wheel] = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".whl"));
    assert.ok(wheel !== undefined);
    const package_ = `${folder}/${wheel.name}`;

    await t.step("it does as the properties say, against the real service", async () => {
      await did([python, "-m", "pip", "install", "--quiet", `${package_}[verify]`]);
      const input = JSON.stringify(await given(countersign, org));
      assert.equal(await did([python, "tests/run_properties.py"], input), "all hold\n");
      const { body } = await org.get("/v1/activity?type=execution.logged", org.management);
      assert.equal(body.data[0].data.cost_micros, 7);
    });
    await t.step("it holds in programs that fork, wait, count and forget as they do", async () => {
      assert.equal(await did([python, "tests/run_habits.py"]), "all hold\n");
    });
    await t.step("its types hold, without one that is anything", async () => {
      await did([python, "-m", "pip", "install", "--quiet", "mypy==2.4.1"]);
      const own = ["__init__.py", "_guard.py", "_framework.py"];
      const files = own.map((name) => `src/countersign_sdk/${name}`);
      await did([python, "-m", "mypy", "--strict", "--cache-dir", `${folder}/mypy`, ...files]);
    });
    await t.step("importing it asks for no network", async () => {
      const program = "import sys\n" +
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event))\n" +
        "import countersign_sdk";
      await did([python, "-c", program]);
    });
    await t.step("alone, it is without the frameworks that it has guards for", async () => {
      const program = "import sys, countersign_sdk, importlib.metadata as of\n" +
        "frameworks = 'adk agents crewai fastmcp google langchain langgraph mcp pydantic'.split()\n" +
        "assert not {*frameworks} & {name.partition('.')[0] for name in sys.modules}\n" +
        "needed = [it for it in of.requires('countersign-sdk') if 'extra' not in it]\n" +
        "assert [it.partition('<')[0] for it in needed] == ['httpx'], needed";
      await did([python, "-c", program]);
    });
    for (const other of [first, ...others]) {
      const { text } = await ran([other, "--version"]);
      await t.step(`it does as the vectors say, on ${text.trim()}`, async () => {
        const venv = `${folder}/${text.trim().replace(" ", "-")}`;
        await did([other, "-m", "venv", venv]);
        await did([`${venv}/bin/python`, "-m", "pip", "install", "--quiet", package_]);
        assert.match(await did([`${venv}/bin/python`, "tests/run_vectors.py"]), /: 0 wrong\n$/);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
