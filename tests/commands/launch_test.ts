import assert from "node:assert/strict";
import {
  passedOn,
  type Place,
  type Program,
  programRights,
  rights,
  SettingRefused,
  unreadVariables,
  VARIABLES,
} from "../../lib/server/rights.ts";
import { taskCommand } from "../../lib/store/system.ts";
import { DeploymentFolder } from "../helpers/deployment_folder.ts";
import { projectFiles, projectText } from "../helpers/project_files.ts";
import { StartedProcess } from "../helpers/started_process.ts";

const SECRET = "0123456789abcdef".repeat(3);
const PLACE = { deployment: "/srv/cs", code: "/srv/cs" };

/** The rights of a program, one of a kind, without the list of settings that each may read. */
function given(
  program: Program,
  variables: Record<string, string>,
  { real = (path: string) => path, ...place }: Partial<Place> = {},
) {
  const flags = rights(program, (variable) => variables[variable], { ...PLACE, ...place, real });
  const settings = `--allow-env=${VARIABLES.join()}`;
  assert.ok(flags.some((flag) => flag.startsWith(settings)), "the settings, and");
  return flags.map((flag) => flag.replace(settings, "settings").replaceAll("/srv/cs/", ""));
}

Deno.test("launch: a misspelled setting is found, and what clients are told by is none", async () => {
  const slips = ["COUNTERSIGN_PORT", "COUNTERSIGN_TRUSTED_PROXIES", "countersign_kv"];
  assert.deepEqual(unreadVariables(["PATH", ...slips, ...VARIABLES]), slips);
  const printed = new Set<string>();
  for (const path of await projectFiles()) {
    if (!/^(clients|docs|examples|deploy|README)/.test(path)) continue;
    for (const [name] of (await projectText(path)).matchAll(/\bCOUNTERSIGN_[A-Z_]+\b/g)) {
      printed.add(name);
    }
  }
  assert.deepEqual(unreadVariables([...printed]), []);
});

Deno.test("launch: a program gets the rights that the settings call for, and no others", () => {
  const file = { COUNTERSIGN_SECRET: SECRET };
  const elsewhere = { ...file, COUNTERSIGN_KV: "/var/lib/countersign/store.db" };
  const remote = { ...file, COUNTERSIGN_KV: "https://kv.example/connect" };
  const memory = { COUNTERSIGN_KV: ":memory:" };
  const cases: [Program, Record<string, string>, string[]][] = [
    ["start", {}, [
      "--allow-net",
      "--allow-read=data,config/secret,static,dist",
      "--allow-write=data,config",
      "settings",
    ]],
    ["start", file, [
      "--allow-net",
      "--allow-read=data,static,dist",
      "--allow-write=data",
      "settings",
    ]],
    ["start", elsewhere, [
      "--allow-net",
      "--allow-read=/var/lib/countersign,static,dist",
      "--allow-write=/var/lib/countersign",
      "settings",
    ]],
    ["start", remote, ["--allow-net", "--allow-read=static,dist", "settings,DENO_KV_ACCESS_TOKEN"]],
    // Which hosts may be private is looked at when one is asked; it widens no right of the process.
    ["start", { ...memory, COUNTERSIGN_PRIVATE_HOSTS: "10.0.0.7:8080" }, [
      "--allow-net",
      "--allow-read=static,dist",
      "settings",
    ]],
    ["compact", { COUNTERSIGN_PRIVATE_HOSTS: "10.0.0.7:8080" }, [
      "--allow-read=data",
      "--allow-write=data",
      "settings",
    ]],
    ["start", memory, ["--allow-net", "--allow-read=static,dist", "settings"]],
    ["start", { ...file, DENO_DEPLOYMENT_ID: "d" }, [
      "--allow-net",
      "--allow-read=static,dist",
      "settings,DENO_KV_ACCESS_TOKEN",
    ]],
    ["recover", {}, ["--allow-read=data,config/secret", "--allow-write=data,config", "settings"]],
    ["accept-clock", elsewhere, [
      "--allow-read=/var/lib/countersign",
      "--allow-write=/var/lib/countersign",
      "settings",
    ]],
    ["recover", remote, ["--allow-net", "settings,DENO_KV_ACCESS_TOKEN"]],
    ["compact", {}, ["--allow-read=data", "--allow-write=data", "settings"]],
  ];
  for (const [program, variables, expected] of cases) {
    assert.deepEqual(given(program, variables), ["--no-prompt", ...expected]);
  }
});

Deno.test("launch: upstreams that are programs give the right to run these, and none to run others", () => {
  const place = { ...PLACE, real: (path: string) => path };
  const own = ["--no-prompt", "--allow-net", "--allow-read=data", "--allow-env=PORT"];
  const apart = { cwd: null, orgs: null };
  const program = { command: "npx", args: ["-y", "x"], env: ["HOME", "TOKEN"], ...apart };
  const more = { ...program, command: "/opt/tool", env: ["TOKEN"] };
  assert.deepEqual(programRights(own, [program, more, program], place), [
    "--no-prompt",
    "--allow-net",
    "--allow-read=data,/srv/cs/config/upstreams.json",
    "--allow-env=PORT,PATH,HOME,TOKEN",
    "--allow-run=npx,/opt/tool",
  ]);
  // An empty list would stand for every command.
  const [none, ...rest] = programRights(own, [], place).filter((flag) => /run/.test(flag));
  assert.deepEqual([none, rest], [undefined, []]);
  const variables = { PATH: "/bin", TOKEN: "t", OTHER: "o", PORT: "1" };
  assert.deepEqual(passedOn(variables, [more]), { PATH: "/bin", TOKEN: "t", PORT: "1" });
  assert.deepEqual(passedOn(variables), { PORT: "1" });
});

Deno.test("launch: upstreams of the host's file are run by the task that is for it alone, and a wrong file starts nothing", async () => {
  await using place = await DeploymentFolder.make();
  const variables = { COUNTERSIGN_SECRET: SECRET, COUNTERSIGN_URL: "http://localhost" };
  const launched = () => StartedProcess.launched(place.path, variables, "start:stdio");
  const write = (text: string) =>
    Deno.mkdir(`${place.path}/config`, { recursive: true })
      .then(() => Deno.writeTextFile(`${place.path}/config/upstreams.json`, text));
  {
    await using process = await launched();
    const { code, output } = await process.ended();
    assert.deepEqual([code, /upstreams\.json cannot be read/.test(output)], [2, true], output);
  }
  await write('{"upstreams":{"files":{"command":"npx","env":["COUNTERSIGN_SECRET"]}}}');
  {
    await using process = await launched();
    const { code, output } = await process.ended();
    assert.deepEqual([code, /"COUNTERSIGN_SECRET" is none/.test(output)], [2, true], output);
  }
  await write('{"upstreams":{"files":{"command":"npx","args":["-y","x"],"env":["HOME"]}}}');
  await using process = await launched();
  const line = await process.line("A program of this host is offered to nobody");
  assert.deepEqual([line.upstream, line.next], [
    "files",
    "start again when there is an organization",
  ]);
  await process.line("Countersign listens");
  process.signal("SIGTERM");
  const { code, output } = await process.ended();
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /stay readable/);
});

Deno.test("launch: no store gives a right over the code, the secret, or more than a folder", () => {
  const refused = [
    ...["store.kv", "./store.kv", "lib/store.kv", "data/../store.kv", "data/../lib/x/store.kv"],
    ...["/store.kv", "/srv/store.kv", "/srv/cs/store.kv", "../store.kv", ".git/store.kv"],
    ...["config/store.kv", "/srv/cs/config/more/store.kv", "file:store.kv", "ftp://x"],
    ...["data/a,b/store.kv", "/var/lib/a,/srv/cs/store.kv", "/var/lib/x\n/store.kv"],
  ];
  for (const COUNTERSIGN_KV of refused) {
    assert.throws(() => given("start", { COUNTERSIGN_KV }), SettingRefused, COUNTERSIGN_KV);
  }
  // What stands in the file's own name is never part of a right.
  for (const COUNTERSIGN_KV of ["data/a,b.kv", "data/--allow-all", "data/more/store.kv"]) {
    given("start", { COUNTERSIGN_KV });
  }
  const apart = { deployment: "/", code: "/opt/countersign" };
  given("start", { COUNTERSIGN_KV: "/var/lib/countersign/store.db" }, apart);
  for (const COUNTERSIGN_KV of ["/opt/store.db", "/opt/countersign/x.db", "/x.db"]) {
    assert.throws(() => given("start", { COUNTERSIGN_KV }, apart), SettingRefused, COUNTERSIGN_KV);
  }
  const comma = { deployment: "/srv/a,/etc", code: "/srv/a,/etc" };
  assert.throws(() => given("start", {}, comma), SettingRefused);
});

/** Where paths lead on a host with links, each given as the path of a link and of what it leads to. */
function linked(...links: [string, string][]): (path: string) => string {
  return (path) => {
    const [link, target] = links.find(([link]) => `${path}/`.startsWith(`${link}/`)) ?? ["", ""];
    return target + path.slice(link.length);
  };
}

Deno.test("launch: a store behind a link gives the folders of both its names", () => {
  const variables = { COUNTERSIGN_SECRET: SECRET };
  const both = (folders: string) => [
    "--no-prompt",
    `--allow-read=${folders}`,
    `--allow-write=${folders}`,
    "settings",
  ];
  const folder = linked(["/srv/cs/data", "/volume"]);
  assert.deepEqual(given("compact", variables, { real: folder }), both("data,/volume"));
  const file = linked(["/srv/cs/data/countersign.kv", "/volume/x/store.db"]);
  assert.deepEqual(given("compact", variables, { real: file }), both("data,/volume/x"));
  const code = linked(["/srv/cs", "/releases/7"]);
  assert.deepEqual(given("compact", variables, { real: code }), both("data,/releases/7/data"));
});

Deno.test("launch: no link leads a store to the code, to the secret or to a comma", () => {
  const cases: [string, ...[string, string][]][] = [
    ["data/x.kv", ["/srv/cs/data", "/srv/cs/lib"]],
    ["data/x.kv", ["/srv/cs/data", "/srv"]],
    ["data/x.kv", ["/srv/cs/data/x.kv", "/srv/cs/x.kv"]],
    ["data/x.kv", ["/srv/cs/data/x.kv", "/volume/x.kv"], ["/srv/cs/data", "/srv/cs/lib"]],
    ["data/x.kv", ["/srv/cs/data", "/volume"], ["/srv/cs/config", "/volume/config"]],
    ["data/x.kv", ["/srv/cs/config/secret", "/srv/cs/data/secret"]],
    ["data/x.kv", ["/srv/cs/data", "/volume"], ["/srv/cs/dist", "/volume/dist"]],
    ["data/x.kv", ["/srv/cs/data", "/a,b"]],
    ["/volume/x.kv", ["/volume", "/srv/cs/lib"]],
    ["/releases/7/x.kv", ["/srv/cs", "/releases/7"]],
    ["/releases/x.kv", ["/srv/cs", "/releases/7"]],
  ];
  for (const [COUNTERSIGN_KV, ...links] of cases) {
    const refused = () => given("start", { COUNTERSIGN_KV }, { real: linked(...links) });
    assert.throws(refused, SettingRefused, JSON.stringify([COUNTERSIGN_KV, links]));
  }
});

Deno.test("launch: no store gives a right over the packages that the next start runs", () => {
  const home = { HOME: "/home/u" };
  const refused: Record<string, string>[] = [
    { COUNTERSIGN_KV: "/home/u/x.kv", ...home },
    { COUNTERSIGN_KV: "/home/u/.cache/deno/npm/x.kv", ...home },
    { COUNTERSIGN_KV: "/cache/x.kv", XDG_CACHE_HOME: "/cache", ...home },
    { COUNTERSIGN_KV: "/var/deno/x.kv", DENO_DIR: "/var/deno", ...home },
    { DENO_DIR: "data/packages", ...home },
    { DENO_DIR: "/packages", ...home },
  ];
  const real = linked(["/packages", "/srv/cs/data/packages"]);
  for (const variables of refused) {
    assert.throws(() => given("start", variables, { real }), SettingRefused);
  }
  const kept: [Record<string, string>, string?][] = [
    [home, "/home/u/countersign"],
    [{ XDG_CACHE_HOME: "/home/u/.cache", ...home }, "/home/u/countersign"],
    [{ COUNTERSIGN_KV: "/home/u/x.kv", DENO_DIR: "/var/deno", ...home }],
    // As deploy/countersign.service has it, and deploy/Containerfile.
    [{
      COUNTERSIGN_KV: "/var/lib/countersign/store.db",
      DENO_DIR: "/var/cache/countersign",
      HOME: "/var/lib/countersign",
    }, "/opt/countersign"],
    [{
      COUNTERSIGN_KV: "/var/lib/countersign/store.db",
      DENO_DIR: "/opt/countersign/.deno",
      HOME: "/home/deno",
    }, "/opt/countersign"],
  ];
  for (const [variables, folder = "/srv/cs"] of kept) {
    given("start", variables, { deployment: folder, code: folder });
  }
});

Deno.test("launch: of the environment a program gets its settings and what Deno needs", () => {
  const kept = {
    COUNTERSIGN_SECRET: SECRET,
    DENO_KV_ACCESS_TOKEN: "t",
    HOME: "/root",
    DENO_DIR: "/cache",
    https_proxy: "http://proxy",
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318",
  };
  const dropped = {
    LD_PRELOAD: "/tmp/x.so",
    LD_AUDIT: "/tmp/x.so",
    DENO_PERMISSION_BROKER_PATH: "/tmp/broker",
    DENO_SERVE_ADDRESS: "tcp:0.0.0.0:80",
    DENO_AUTH_TOKENS: "t@x",
    NODE_OPTIONS: "--require /tmp/x.js",
    AWS_SECRET_ACCESS_KEY: "k",
    COUNTERSIGN_OTHER: "x",
    XHOME: "x",
    "HOME\nLD_PRELOAD": "x",
  };
  assert.deepEqual(passedOn({ ...dropped, ...kept }), kept);
});

Deno.test("launch: each program is run by the launcher alone", async () => {
  const { tasks } = JSON.parse(await projectText("deno.json"));
  for (const name of ["start", "start:stdio", "recover", "accept-clock", "compact", "client"]) {
    const run =
      `deno run --quiet --no-prompt --allow-env --allow-read --allow-run launch.ts ${name}`;
    assert.equal(tasks[name], run);
  }
});

Deno.test("launch: hints name the Deno that the reader started this with", () => {
  const npx = "/root/.npm/_npx/7a40be787520bede/node_modules/deno/deno";
  assert.equal(taskCommand("start", [npx, "2.9.6"]), "npx -y deno@2.9.6 task -q start");
  assert.equal(
    taskCommand("recover EMAIL", ["/usr/bin/deno", "2.9.6"]),
    "deno task -q recover EMAIL",
  );
});

Deno.test("launch: a store in a folder of its own is served, and one wish to stop is one", async () => {
  await using place = await DeploymentFolder.make();
  await using elsewhere = await DeploymentFolder.make();
  const store = `${elsewhere.path}/kept/store.db`;
  const variables = { COUNTERSIGN_KV: store, COUNTERSIGN_URL: "http://localhost" };
  await using launched = await StartedProcess.launched(place.path, variables);
  const { port } = await launched.line("Countersign listens");
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  assert.equal((await response.json()).status, "ready");
  for (const signal of ["SIGINT", "SIGINT", "SIGTERM"] as const) launched.signal(signal);
  const { code, output } = await launched.ended();
  assert.equal(code, 0, output);
  assert.match(output, /^\nNobody owns this deployment yet/, "nothing is said before the link");
  assert.equal((await Deno.stat(store)).mode! & 0o777, 0o600);
  // The other programs find the same store.
  await using recover = await StartedProcess.launched(place.path, variables, "accept-clock");
  const listed = await recover.ended();
  assert.equal(listed.code, 0, listed.output);
  assert.match(listed.output, /^0 logs are ahead/);
});

for (const linked of ["folder", "file"]) {
  Deno.test(`launch: a store whose ${linked} is a link is served again, compacted, and one store`, async () => {
    await using place = await DeploymentFolder.make({ data: linked === "file" });
    await using volume = await DeploymentFolder.make();
    const real = `${volume.path}/${linked === "file" ? "other.db" : "countersign.kv"}`;
    if (linked === "folder") await Deno.symlink(volume.path, `${place.path}/data`);
    else {
      // A link to nothing, say to a disk that is not mounted, makes no new store.
      await Deno.writeTextFile(real, "");
      await Deno.symlink(real, place.store);
    }
    const variables = { COUNTERSIGN_SECRET: SECRET, COUNTERSIGN_URL: "http://localhost" };
    for (const _ of ["made", "found again"]) {
      await using launched = await StartedProcess.launched(place.path, variables);
      await launched.line("Countersign listens");
      const other = { ...variables, COUNTERSIGN_KV: real };
      await using second = await StartedProcess.launched(place.path, other, "compact");
      const refused = await second.ended();
      assert.equal(refused.code, 2, refused.output);
      assert.match(refused.output, /another process holds the store/);
      launched.signal("SIGTERM");
      const { code, output } = await launched.ended();
      assert.equal(code, 0, output);
    }
    await using compact = await StartedProcess.launched(place.path, variables, "compact");
    const { code, output } = await compact.ended();
    assert.equal(code, 0, output);
    assert.match(output, /^Compacted data\/countersign\.kv: /);
    assert.ok((await Deno.lstat(real)).isFile);
  });
}

Deno.test("launch: a launcher that is killed takes the service with it, which stops in order", async () => {
  await using place = await DeploymentFolder.make();
  const variables = { COUNTERSIGN_URL: "http://localhost" };
  await using launched = await StartedProcess.launched(place.path, variables);
  await launched.line("Countersign listens");
  launched.signal("SIGKILL");
  const { output } = await launched.ended();
  assert.match(output, /"message":"Stopped"/);
});

Deno.test("launch: what is refused is said in one message, and nothing is started", async () => {
  await using place = await DeploymentFolder.make();
  const refusals: [Record<string, string>, RegExp][] = [
    [{ COUNTERSIGN_KV: "store.kv" }, /^COUNTERSIGN_KV is "store\.kv", .*Give a path below data\//],
    [{ COUNTERSIGN_KV: "data/a,b/x.kv" }, /^COUNTERSIGN_KV and .*a comma/],
    [{ PORT: "http" }, /^PORT is "http"/],
  ];
  for (const [variables, said] of refusals) {
    await using launched = await StartedProcess.launched(place.path, variables);
    const { code, output } = await launched.ended();
    assert.equal(code, 2, output);
    assert.match(output, said);
    assert.doesNotMatch(output, /\n\s+at |Uncaught/, "a message, not a stack");
  }
});
