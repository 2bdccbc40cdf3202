import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROJECT, projectText } from "../helpers/project_files.ts";

/** What the first start may fetch; `deno task first-start` measures it. */
const MOST_PACKAGES = 45;

interface Config {
  readonly imports: Readonly<Record<string, string>>;
  readonly lock: { readonly path?: string; readonly frozen: boolean };
}

interface Scopes {
  readonly exclude: readonly string[];
  readonly fmt: { readonly exclude: readonly string[] };
  readonly lint: { readonly exclude: readonly string[] };
}

interface Lock {
  readonly npm: Readonly<
    Record<string, { readonly integrity: string; readonly dependencies?: readonly string[] }>
  >;
}

/** A package with its dependencies by version, which a lock leaves out where it has only one. */
function locked({ npm }: Lock, name: string) {
  const { integrity, dependencies = [] } = npm[name] ?? assert.fail(`no ${name}`);
  const versions = dependencies.map((dependency) =>
    Object.keys(npm).find((one) => one === dependency || one.startsWith(`${dependency}@`))
  );
  return { integrity, dependencies: versions };
}

async function config(name: string): Promise<Config & Record<string, unknown>> {
  return JSON.parse(await projectText(name));
}

Deno.test("first start: the service's lock has few packages, for a task fetches all of them", async () => {
  const { npm }: Lock = JSON.parse(await projectText("deno.lock"));
  // One more is fetched: the bundler of the browsers' scripts, which Deno itself chooses.
  const count = Object.keys(npm).length + 1;
  assert.ok(count <= MOST_PACKAGES, `${count} packages`);
});

Deno.test("first start: what is tested is what runs, byte for byte", async () => {
  const service = await config("deno.json");
  const tests = await config("deno.dev.json");
  for (const [name, pinned] of Object.entries(service.imports)) {
    assert.equal(tests.imports[name], pinned, name);
  }
  for (const part of ["unstable", "nodeModulesDir", "compilerOptions"]) {
    assert.deepEqual(tests[part], service[part], part);
  }
  assert.deepEqual([service.lock, tests.lock], [
    { frozen: true },
    { path: "deno.dev.lock", frozen: true },
  ]);
  const pinned: Lock = JSON.parse(await projectText("deno.lock"));
  const tested: Lock = JSON.parse(await projectText("deno.dev.lock"));
  for (const name of Object.keys(pinned.npm)) {
    assert.deepEqual(locked(tested, name), locked(pinned, name), name);
  }
});

Deno.test("first start: what the service's configuration leaves out, the other one checks", async () => {
  const { exclude, fmt, lint } = await config("deno.json") as unknown as Scopes;
  const made = (await config("deno.dev.json") as unknown as Scopes).exclude;
  const developed = exclude.filter((path) => !made.includes(path));
  assert.deepEqual(exclude, [...made, ...developed]);
  // Drivers import what only an environment of their own has.
  const elsewhere = ["clients/n8n", "clients/zapier"];
  assert.deepEqual(made, ["data", "config", "dist", "tests/frameworks/**/*.mjs", ...elsewhere]);
  // Both tools take back in what only types leave out, or nobody would look at it.
  for (const { exclude } of [fmt, lint]) {
    const takenIn = exclude.filter((path) => path.startsWith("!")).map((path) => path.slice(1));
    assert.deepEqual(takenIn, [...elsewhere, ...developed]);
  }
});

Deno.test("first start: what runs needs nothing that only tests have", async () => {
  const programs = ["main.ts", "recover.ts", "accept_clock.ts", "compact.ts", "verify.ts"];
  for (
    const program of [
      ...programs,
      "launch.ts",
      "tools/bundle_client.ts",
      "islands/client.ts",
      "islands/request_client.ts",
    ]
  ) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", "deno.json", program],
      cwd: fileURLToPath(PROJECT),
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const { modules } = JSON.parse(new TextDecoder().decode(stdout));
    for (const { specifier, error } of modules as { specifier: string; error?: string }[]) {
      assert.equal(error, undefined, specifier);
    }
  }
});
