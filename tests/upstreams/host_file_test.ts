import assert from "node:assert/strict";
import { HostFileRefused, readHostFile, withEnvironment } from "../../lib/upstreams/host_file.ts";

/** The file by which the operator names programs. */

function file(program: unknown, name = "files"): string {
  return JSON.stringify({ upstreams: { [name]: program } });
}

Deno.test("host file: a program has a command, arguments, a folder, and the variables that are named", () => {
  const named = readHostFile(file({
    command: "npx",
    args: ["-y", "server", "/srv/notes"],
    env: ["HOME", "NOTES_TOKEN", "MISSING"],
    cwd: "/srv",
  }));
  const variables: Record<string, string> = {
    PATH: "/usr/bin",
    HOME: "/home/x",
    NOTES_TOKEN: "t",
    COUNTERSIGN_SECRET: "s",
  };
  const [[url, program] = [], ...more] = withEnvironment(named, (name) => variables[name]);
  assert.deepEqual(more, []);
  assert.match(url ?? "", /^stdio:files#[0-9a-f]{64}$/);
  assert.deepEqual(program, {
    name: "files",
    command: "npx",
    args: ["-y", "server", "/srv/notes"],
    env: { PATH: "/usr/bin", HOME: "/home/x", NOTES_TOKEN: "t" },
    cwd: "/srv",
    orgs: null,
  });
  assert.deepEqual(readHostFile(file({ command: "server" })).get("files"), {
    command: "server",
    args: [],
    env: [],
    cwd: null,
    orgs: null,
  });
  assert.equal(readHostFile('{"upstreams":{}}').size, 0);
});

Deno.test("host file: what it is not to be is refused by a sentence that names the place", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["{", /is not JSON/],
    ["[]", /one member, "upstreams"/],
    ['{"upstreams":[]}', /one member/],
    ['{"upstreams":{},"more":1}', /one member/],
    [file({ command: "x" }, "Files"), /"Files"; give lower-case/],
    [file("npx"), /upstream files, which is no object/],
    [file({ command: "x", shell: true }), /has "shell", which nothing is made of/],
    [file({}), /no command/],
    [file({ command: "a,b" }), /no command/],
    [file({ command: "x", args: "y" }), /args/],
    [file({ command: "x", args: [1] }), /args/],
    [file({ command: "x", args: ["\0"] }), /args/],
    [file({ command: "x", env: { A: "1" } }), /env/],
    [file({ command: "x", env: ["A=1"] }), /"A=1" is none/],
    [file({ command: "x", cwd: 1 }), /cwd/],
    [file({ command: "x", orgs: "org_a" }), /orgs/],
    [file({ command: "x", orgs: ["a"] }), /orgs/],
  ];
  for (const [text, says] of refused) {
    assert.throws(() => readHostFile(text), (error) => {
      assert(error instanceof HostFileRefused);
      assert.match(error.message, /^config\/upstreams\.json /);
      assert.match(error.message, says);
      return true;
    }, text);
  }
});

Deno.test("host file: what stands for a program is another where anything is that it runs", () => {
  const base = { command: "x", args: ["a"], env: ["A"], cwd: "/srv" };
  const urls = [
    base,
    { ...base, command: "y" },
    { ...base, args: ["a", "b"] },
    { ...base, env: ["B"] },
    { ...base, cwd: "/etc" },
  ].map((program) => [...withEnvironment(readHostFile(file(program)), () => undefined).keys()][0]);
  assert.equal(new Set(urls).size, urls.length);
  const orgs = { ...base, orgs: ["org_a"] };
  const [again] = withEnvironment(readHostFile(file(orgs)), () => "value").keys();
  assert.equal(again, urls[0]);
});

Deno.test("host file: no program is given what opens the store, or runs another program in its place", () => {
  const kept = [
    "COUNTERSIGN_SECRET",
    "countersign_secret_previous",
    "SMTP_URL",
    "DENO_KV_ACCESS_TOKEN",
    "LD_PRELOAD",
    "DYLD_INSERT_LIBRARIES",
    "PATH",
  ];
  for (const name of kept) {
    assert.throws(() => readHostFile(file({ command: "x", env: [name] })), HostFileRefused, name);
  }
});
